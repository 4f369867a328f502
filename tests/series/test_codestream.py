"""What a compressed frame says of its size is read before a decoder allocates for it."""

import struct

import pytest
from pydicom.encaps import get_frame
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from ich_node.errors import Undecodable
from ich_node.series.codestream import MOST_TILES, CodestreamSize, size_of
from tests.support.heads import head_slice


def frame(syntax: UID, rows: int = 96, columns: int = 160) -> bytes:
    ds = head_slice(0, rows=rows, columns=columns)
    ds.compress(syntax)
    return bytes(get_frame(ds.PixelData, 0, number_of_frames=1))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_the_size_is_that_of_the_frame(syntax: UID) -> None:
    """Rows, columns and precision of frames that a real encoder made; a JP2 box around it does not
    matter.
    """
    expected = CodestreamSize(rows=96, columns=160, components=1, bits=16)
    assert size_of(frame(syntax)) == expected
    if syntax == JPEG2000Lossless:
        assert size_of(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + frame(syntax)) == expected


def test_rle_has_no_size_of_its_own() -> None:
    """Its decoder knows how much it may make."""
    assert size_of(frame(RLELossless)) is None


@pytest.mark.parametrize("length", range(2, 60, 3))
def test_a_frame_that_ends_in_its_header_is_undecodable(length: int) -> None:
    """Cut anywhere: a Refusal, never an error of the parser."""
    for syntax in (JPEG2000Lossless, JPEGLSLossless):
        try:
            assert size_of(frame(syntax)[:length]) in (
                None,
                CodestreamSize(rows=96, columns=160, components=1, bits=16),
            )
        except Undecodable:
            continue


@pytest.mark.parametrize(
    ("tile", "words"), [(1, "tiles; a CT slice has one"), (0, "tiles without a size")]
)
def test_a_frame_of_countless_tiles_is_undecodable(tile: int, words: str) -> None:
    """Each tile costs a decoder memory, whatever its size."""
    data = bytearray(frame(JPEG2000Lossless))
    struct.pack_into(">LL", data, data.index(b"\xff\x51") + 22, tile, tile)
    assert MOST_TILES < 96 * 160
    with pytest.raises(Undecodable, match=words):
        size_of(bytes(data))


def test_a_jpeg_without_a_frame_header_is_undecodable() -> None:
    """A scan before any size."""
    with pytest.raises(Undecodable, match="does not say its size"):
        size_of(b"\xff\xd8\xff\xff\xda\x00\x08" + bytes(20))
