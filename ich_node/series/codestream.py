"""The size that a compressed frame states, read before any decoder allocates for it.

The decoders trust the codestream, not the DICOM header: a JPEG 2000 frame of 20 kB that announces
60,000 x 60,000 pixels takes OpenJPEG 7 GB and 47 seconds, and a JPEG-LS one ends the process.
Sources: ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1.
"""

import struct
from dataclasses import dataclass

from ich_node.errors import Undecodable

SIZ = b"\xff\x4f\xff\x51"  # the first two markers of every JPEG 2000 codestream
START_OF_IMAGE = b"\xff\xd8"
# SOF0 to SOF15 without the numbers that mean tables (DHT, JPG, DAC), and SOF55 of JPEG-LS
FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
START_OF_SCAN = 0xDA
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# JP2 boxes, which some vendors leave around the codestream, are shorter than this
SEARCHED_BYTES = 4_096
MOST_TILES = 4_096


@dataclass(frozen=True, kw_only=True)
class CodestreamSize:
    """From the frame's own header. bits: the precision of a sample."""

    rows: int
    columns: int
    components: int
    bits: int


def size_of(frame: bytes) -> CodestreamSize | None:
    """The size of a JPEG, JPEG-LS or JPEG 2000 frame; None for RLE, which states none. Raises
    Undecodable if the frame's header is cut or damaged.
    """
    try:
        if frame[:2] == START_OF_IMAGE:
            return _jpeg(frame)
        if (start := frame.find(SIZ, 0, SEARCHED_BYTES)) >= 0:
            return _jpeg_2000(frame, start + len(SIZ))
    except struct.error as error:
        raise Undecodable("the compressed pixel data ends within its header") from error
    return None


def _jpeg(frame: bytes) -> CodestreamSize:
    at = len(START_OF_IMAGE)
    while True:
        prefix, marker = struct.unpack_from(">BB", frame, at)
        if prefix != 0xFF or marker == START_OF_SCAN:
            raise Undecodable("the compressed pixel data does not say its size")
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in STANDALONE:
            at += 2
        elif marker in FRAME_MARKERS:
            bits, rows, columns, components = struct.unpack_from(">BHHB", frame, at + 4)
            return CodestreamSize(rows=rows, columns=columns, components=components, bits=bits)
        else:
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]


def _jpeg_2000(frame: bytes, at: int) -> CodestreamSize:
    right, bottom, left, top, tile_columns, tile_rows, tile_left, tile_top, components, bits = (
        struct.unpack_from(">4x8LHB", frame, at)
    )
    if not tile_columns or not tile_rows:
        raise Undecodable("the compressed pixel data has tiles without a size")
    tiles = -(-(right - tile_left) // tile_columns) * -(-(bottom - tile_top) // tile_rows)
    if tiles > MOST_TILES:
        raise Undecodable(f"the compressed pixel data has {tiles} tiles; a CT slice has one")
    # of the first component; the top bit of the byte is its sign
    return CodestreamSize(
        rows=bottom - top, columns=right - left, components=components, bits=(bits & 0x7F) + 1
    )
