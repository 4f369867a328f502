"""Images are sent compressed to a peer that accepts it, and uncompressed to others; the pixels are
the same.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt

from tests.support.node import open_node
from tests.support.peers import SECONDARY_CAPTURE, Pacs, close_in_the_end, shut_down
from tests.support.results import give_results, result_object
from tests.support.sending import SendingNode, pacs_at


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SendingNode]:
    with open_node(tmp_path, SendingNode) as opened:
        yield opened


def picture() -> Dataset:
    """RGB, 64 x 64, RLE."""
    ds = result_object(0)
    rng = np.random.default_rng(1)
    pixels_YXC = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = (
        64,
        64,
        8,
        8,
        7,
        0,
    )
    ds.PixelData = pixels_YXC.tobytes()
    ds.compress(RLELossless, generate_instance_uid=False)
    return ds


def send(node: SendingNode, port: int) -> Dataset:
    ds = picture()
    give_results(node.ledger, node.spool, [ds], ("pacs",), node.clock.now)
    node.sender(*pacs_at(port)).send_due()
    return ds


@pytest.mark.parametrize("takes_rle", [True, False])
def test_pixels_arrive_as_they_are_in_the_syntax_that_the_peer_takes(takes_rle, node):
    """RLE to a peer that accepts it, else Explicit VR Little Endian: the same instance, the same
    pixels.
    """
    entity = AE("PACS")
    syntaxes = [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        *([RLELossless] if takes_rle else []),
    ]
    entity.add_supported_context(SECONDARY_CAPTURE, syntaxes)
    peer = Pacs()
    handlers = [(evt.EVT_CONN_OPEN, close_in_the_end), (evt.EVT_C_STORE, peer.store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        ds = send(node, server.server_address[1])
    finally:
        shut_down(entity)
    (received,) = peer.received
    assert received.file_meta.TransferSyntaxUID == (
        RLELossless if takes_rle else ExplicitVRLittleEndian
    )
    assert received.SOPInstanceUID == ds.SOPInstanceUID
    np.testing.assert_array_equal(received.pixel_array, ds.pixel_array)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
def test_an_illegal_identity_arrives_byte_by_byte(syntax, node):
    """The PACS matches by it; also where the object is encoded anew, or decompressed for it."""
    ds, values = (
        picture(),
        {"PatientID": b"47\t11\\" + b"7" * 60, "AccessionNumber": b"A" * 23 + b" "},
    )
    for keyword, value in values.items():
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        vr = dictionary_VR(tag)
        ds[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True, True)
    received: list[Dataset] = []
    entity = AE("PACS")
    entity.add_supported_context(SECONDARY_CAPTURE, syntax)
    handlers = [
        (evt.EVT_CONN_OPEN, close_in_the_end),
        (evt.EVT_C_STORE, lambda event: received.append(event.dataset) or 0x0000),
    ]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        give_results(node.ledger, node.spool, [ds], ("pacs",), node.clock.now)
        node.sender(*pacs_at(server.server_address[1])).send_due()
    finally:
        shut_down(entity)
    assert {keyword: received[0].get_item(keyword).value for keyword in values} == values
