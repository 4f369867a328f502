"""The frames of a multi-frame file, whose pixels stay on the disk as far as that is possible: for a
process with little memory that shows one frame after the other.
"""

from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import TooLarge, Undecodable
from ich_node.series.attributes import transfer_syntax_of
from ich_node.series.frame_pixels import FilePart
from ich_node.series.frames import frames_of

# Compressed frames are in memory together.
MOST_COMPRESSED_BYTES = 64 << 20
# Of the element in front of the pixels: tag, VR and length.
HEADER_BYTES = {ExplicitVRLittleEndian: 12, ImplicitVRLittleEndian: 8}
PIXEL_DATA = b"\xe0\x7f\x10\x00"


def open_frames(path: Path) -> list[Dataset]:
    """Each frame as an object of its own (`frames_of`). Raises OSError, Undecodable, TooLarge."""
    with path.open("rb") as file:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True)
            in_file = _pixels_of(header, path, file)
            if in_file is None:
                if path.stat().st_size > MOST_COMPRESSED_BYTES:
                    raise TooLarge(f"{path.stat().st_size} bytes of compressed frames")
                file.seek(0)
                header = pydicom.dcmread(file)
        except PARSING_ERRORS as error:
            raise Undecodable("the file is damaged in its header; send it again") from error
    return frames_of(header, in_file)


def _pixels_of(header: Dataset, path: Path, file: BinaryIO) -> FilePart | None:
    """None if they are compressed. file: at the element with the pixels."""
    size = HEADER_BYTES.get(transfer_syntax_of(header))
    if size is None:
        return None
    element = file.read(size)
    if not element.startswith(PIXEL_DATA):
        raise Undecodable("the object has no pixel data")
    length = int.from_bytes(element[-4:], "little")
    return FilePart(path, start=file.tell(), size=length)
