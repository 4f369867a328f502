"""Series whose headers lie: a listener stores them, and a reader must refuse them."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.support.heads import ROOT, head_slice

HUGE = 60_000  # rows and columns: 7.2 GB a frame, 108 GB in fifteen


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """reason: of the refusal, None for a series that is read. words: some that `jobs show` must
    say.
    """

    name: str
    datasets: list[Dataset]
    reason: str | None
    words: str = ""

    @property
    def transfer_syntax(self) -> UID:
        return UID(self.datasets[0].file_meta.TransferSyntaxUID)


Bend = Callable[[Dataset], None]


def bombs() -> Iterator[Bomb]:
    """Each as a series of its own, twelve slices of a head."""
    for number, (name, bend, reason, words) in enumerate(BOMBS, start=1):
        study = f"{ROOT}66.{number}"
        datasets = []
        for index in range(12):
            uids = {
                "StudyInstanceUID": study,
                "SeriesInstanceUID": f"{study}.1",
                "SOPInstanceUID": f"{study}.1.{index + 1}",
            }
            ds = head_slice(index, **uids)
            bend(ds)
            ds.SOPInstanceUID = uids["SOPInstanceUID"]
            datasets.append(ds)
        yield Bomb(name=name, datasets=datasets, reason=reason, words=words)


def _sizes(rows: int, columns: int, frames: int | None = None) -> Bend:
    def bend(ds: Dataset) -> None:
        ds.Rows, ds.Columns = rows, columns
        if frames:
            ds.NumberOfFrames = frames

    return bend


def _jpeg_2000(ds: Dataset) -> None:
    ds.compress(JPEG2000Lossless)
    frame = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    size = frame.index(b"\xff\x51")
    for at in (6, 22):  # of the image, and of its one tile
        struct.pack_into(">LL", frame, size + at, HUGE, HUGE)
    ds.PixelData = encapsulate([bytes(frame)])


def _jpeg_ls(ds: Dataset) -> None:
    ds.compress(JPEGLSLossless)
    frame = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    struct.pack_into(">HH", frame, frame.index(b"\xff\xf7") + 5, HUGE, HUGE)
    ds.PixelData = encapsulate([bytes(frame)])


def _jpeg(syntax: UID, frame_marker: int, bits: int) -> Bend:
    """A whole JPEG stream by hand, whose frame header announces what its scan does not hold."""

    def bend(ds: Dataset) -> None:
        table = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, *[0] * 7]) + bytes(range(12))
        scan = b"\x01\x00\x00" if syntax == JPEGLosslessSV1 else b"\x00\x3f\x00"
        frame = b"".join(
            (
                b"\xff\xd8\xff\xdb" + struct.pack(">H", 67) + b"\x00" + b"\x01" * 64,
                bytes([0xFF, frame_marker])
                + struct.pack(">HBHHB", 11, bits, HUGE, HUGE, 1)
                + b"\x01\x11\x00",
                *(
                    b"\xff\xc4" + struct.pack(">H", 31) + bytes([kind]) + table
                    for kind in (0x00, 0x10)
                ),
                b"\xff\xda"
                + struct.pack(">HB", 8, 1)
                + b"\x01\x00"
                + scan
                + bytes(20_000)
                + b"\xff\xd9",
            )
        )
        ds.file_meta.TransferSyntaxUID = syntax
        ds["PixelData"].VR = "OB"
        ds.PixelData = encapsulate([frame])
        ds["PixelData"].is_undefined_length = True
        if bits == 8:
            ds.BitsAllocated = ds.BitsStored = 8
            ds.HighBit, ds.PixelRepresentation = 7, 0

    return bend


def _rle(ds: Dataset) -> None:
    """Two bytes make 128: a million of them 64 million."""
    ds.compress(RLELossless)
    segment = b"\x81\x00" * (1 << 19)
    header = struct.pack("<LLL", 2, 64, 64 + len(segment)) + bytes(52)
    ds.PixelData = encapsulate([header + segment + segment])


def _truncated(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def _truncated_frame(syntax: UID) -> Bend:
    def bend(ds: Dataset) -> None:
        ds.compress(syntax)
        frame = get_frame(ds.PixelData, 0, number_of_frames=1)
        ds.PixelData = encapsulate([frame[: len(frame) // 3]])

    return bend


def _empty(ds: Dataset) -> None:
    ds.PixelData = b""


def _wrong_vr(keyword: str, vr: str, value: object) -> Bend:
    def bend(ds: Dataset) -> None:
        tag = ds[keyword].tag
        ds[tag] = DataElement(tag, vr, value)

    return bend


def _our_result(ds: Dataset) -> None:
    """A Secondary Capture in the clothes of a CT."""
    ds.Modality, ds.ImageType, ds.Manufacturer = "SR", ["DERIVED", "SECONDARY", "OTHER"], "ich-node"


BOMBS: tuple[tuple[str, Bend, str | None, str], ...] = (
    ("60,000 x 60,000 x 15", _sizes(HUGE, HUGE, 15), "enhanced_multi_frame", "multi-frame"),
    ("60,000 x 60,000", _sizes(HUGE, HUGE), "too_large", "60000 x 60000 pixels"),
    ("JPEG 2000 announces it", _jpeg_2000, "undecodable", "announces 60000 x 60000"),
    ("JPEG-LS announces it", _jpeg_ls, "undecodable", "announces 60000 x 60000"),
    (
        "lossless JPEG announces it",
        _jpeg(JPEGLosslessSV1, 0xC3, 16),
        "undecodable",
        "announces 60000 x 60000",
    ),
    (
        "baseline JPEG announces it",
        _jpeg(JPEGBaseline8Bit, 0xC0, 8),
        "undecodable",
        "announces 60000 x 60000",
    ),
    (
        "extended JPEG announces it",
        _jpeg(JPEGExtended12Bit, 0xC1, 12),
        "undecodable",
        "announces 60000 x 60000",
    ),
    ("RLE goes on and on", _rle, "undecodable", "longer than its header says"),
    ("half of the pixels", _truncated, "undecodable", "pixel data"),
    ("no pixels", _empty, "undecodable", "pixel data"),
    (
        "a third of a JPEG-LS frame",
        _truncated_frame(JPEGLSLossless),
        "undecodable",
        "cannot be decoded",
    ),
    ("a third of an RLE frame", _truncated_frame(RLELossless), "undecodable", "cannot be decoded"),
    ("Rows is text", _wrong_vr("Rows", "LO", "many"), "undecodable", "Rows"),
    (
        "PixelSpacing is text",
        _wrong_vr("PixelSpacing", "LO", "wide"),
        "no_geometry",
        "PixelSpacing",
    ),
    (
        "RescaleSlope is a sequence",
        _wrong_vr("RescaleSlope", "SQ", []),
        "no_hounsfield_units",
        "RescaleSlope",
    ),
    (
        "ImagePositionPatient is bytes",
        _wrong_vr("ImagePositionPatient", "OB", b"\x00\x01"),
        "no_geometry",
        "ImagePosition",
    ),
    ("our own result", _our_result, "derived_result", "derived"),
)
