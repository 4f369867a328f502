"""The pixels of a multi-frame object, one frame at a time: an object of 300 frames has 157 MB, of
which no second copy is made.
"""

import struct
from functools import cached_property
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from pydicom import DataElement, Dataset, config
from pydicom.encaps import encapsulate, get_frame, parse_basic_offsets, parse_fragments
from pydicom.tag import Tag
from pydicom.uid import UID

from ich_node.errors import Undecodable
from ich_node.series.attributes import integer_of, transfer_syntax_of, uid_of, value_of

# All that the decoders and the rescale ask of an object.
OF_PIXELS = (
    "SOPInstanceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
)
PIXEL_DATA = Tag("PixelData")
# Fragments of one frame; more would be looked through again for each frame.
MOST_FRAGMENTS_A_FRAME = 16
Offsets = tuple[list[int], list[int]]


class FilePart:
    """Bytes in a file, read when they are asked for."""

    def __init__(self, path: Path, *, start: int, size: int) -> None:
        self._path, self._start, self._size = path, start, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        with self._path.open("rb") as file:
            file.seek(self._start + start)
            return file.read(max(0, stop - start))


class FramePixels:
    """The pixels of `count` frames of an object. in_file: uncompressed ones that the dataset does
    not hold.
    """

    def __init__(self, dataset: Dataset, count: int, in_file: FilePart | None = None) -> None:
        self._dataset = dataset
        self._count = count
        self._in_file = in_file

    def of(self, frame: Dataset, number: int) -> Dataset:
        """An object of one frame: the pixels of the frame `number`, 1-based, and what of its header
        is needed to read them.

        Raises Undecodable if there are no such pixels.
        """
        single = Dataset()
        if hasattr(frame, "file_meta"):
            single.file_meta = frame.file_meta
        for keyword in OF_PIXELS:
            if keyword in frame:
                single[keyword] = frame[keyword]
        name = f"{uid_of(frame, 'SOPInstanceUID')}, frame {number}"
        if self._in_file is not None:
            part = self._part(self._in_file, number, name)
            return _with_pixels(single, part, "OW")
        value = value_of(self._dataset, "PixelData")
        if not isinstance(value, bytes):
            raise Undecodable(f"{name}: the object has no pixel data")
        syntax = transfer_syntax_of(frame)
        if isinstance(syntax, UID) and syntax.is_compressed:
            value, vr = encapsulate([self._fragments(value, number, name)], has_bot=False), "OB"
        else:
            value, vr = self._part(value, number, name), "OW"
        return _with_pixels(single, value, vr)

    def _part(self, value: bytes | FilePart, number: int, name: str) -> bytes:
        """Of uncompressed pixels."""
        size = (
            integer_of(self._dataset, "Rows", 0)
            * integer_of(self._dataset, "Columns", 0)
            * integer_of(self._dataset, "SamplesPerPixel", 1)
            * (integer_of(self._dataset, "BitsAllocated", 0) // 8)
        )
        if len(value) > size * self._count + 1:  # a byte that makes the length even
            raise Undecodable(
                f"{name}: {len(value)} bytes of pixels, not the {size * self._count} of "
                f"{self._count} frames"
            )
        part = value[size * (number - 1) : size * number]
        if len(part) < size:
            raise Undecodable(f"{name}: the pixel data ends before the frame does")
        return part

    def _fragments(self, value: bytes, number: int, name: str) -> bytes:
        """Of encapsulated pixels: the joined fragments of the frame."""
        try:
            return get_frame(
                value,
                number - 1,
                number_of_frames=self._count,
                extended_offsets=self._offsets,
            )
        except (EOFError, IndexError, OverflowError, TypeError, ValueError, struct.error) as error:
            raise Undecodable(f"{name}: the pixel data has no such frame ({error})") from error

    @cached_property
    def _offsets(self) -> Offsets | None:
        """Where each frame begins and how long it is, where one fragment is one frame; None where
        the object's basic table of offsets says it. Without a table, pydicom would count the
        fragments again for each frame. Raises ValueError.
        """
        value = self._dataset.PixelData
        if "ExtendedOffsetTable" in self._dataset:
            starts = list(_QWORDS.iter_unpack(self._dataset.ExtendedOffsetTable))
            lengths = list(_QWORDS.iter_unpack(self._dataset.ExtendedOffsetTableLengths))
            if sum(length for (length,) in lengths) > len(value):
                raise ValueError("its table of offsets is damaged")
            return [start for (start,) in starts], [length for (length,) in lengths]
        buffer = BytesIO(value)
        if table := parse_basic_offsets(buffer):
            # else a frame could be as long as all of them together
            if any(start >= following for start, following in pairwise(table)):
                raise ValueError("its table of offsets is damaged")
            return None
        after_table = buffer.tell()
        count, items = parse_fragments(buffer)
        if count > MOST_FRAGMENTS_A_FRAME * self._count:
            raise ValueError(f"{count} fragments of {self._count} frames")
        if count != self._count:
            return None
        return (
            [item - after_table for item in items],
            [int.from_bytes(value[item + 4 : item + 8], "little") for item in items],
        )


def _with_pixels(single: Dataset, value: bytes, vr: str) -> Dataset:
    single.add(DataElement(PIXEL_DATA, vr, value, validation_mode=config.IGNORE))
    return single


_QWORDS = struct.Struct("<Q")
