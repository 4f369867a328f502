"""The fastest exact decoder for each transfer syntax, for what nearly all CT is: one sample a
pixel, in 16 bits.

Whatever these do not take, or cannot decode, goes to pydicom and its plugins: they are slower, know
more, and have the words for what is wrong. imagecodecs lets other threads run while it decodes;
none of pydicom's plugins does. RLE stays with pylibjpeg-rle, since imagecodecs' decoder reads
beyond the end of a damaged frame.
"""

from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from ich_node.series import jpeg_extended
from ich_node.series.attributes import integer_of, text_of
from ich_node.series.codestream import CodestreamSize

# The last marker of JPEG, JPEG-LS and JPEG 2000. Of a frame without it libjpeg-turbo makes grey,
# and CharLS looks 4 s for more.
END_OF_IMAGE = b"\xff\xd9"


class _NotTaken(Exception):
    """Not for the decoders here."""


def decode(dataset: Dataset, frame: bytes, announced: CodestreamSize | None) -> NDArray[Any]:
    """stored_YX of a dataset's only frame; with the high bits as they came where the syntax is not
    a compressed one.

    frame: the encapsulated bytes, b"" if there are none. announced: what they say of themselves,
    which must be the header's size. Raises what pydicom and the decoders raise for data that is
    damaged or lies about itself.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if announced is None:
            return _native(dataset, syntax)
        return _compressed(dataset, syntax, frame, announced)
    except _NotTaken:
        pass
    if syntax == JPEGExtended12Bit and dataset.BitsStored > 8:
        return jpeg_extended.decode(dataset)
    return pixel_array(dataset, decoding_plugin=_PLUGINS.get(syntax, ""))


def _native(dataset: Dataset, syntax: UID) -> NDArray[Any]:
    if syntax not in (ExplicitVRLittleEndian, ImplicitVRLittleEndian) or not _is_plain(dataset):
        raise _NotTaken
    rows, columns = dataset.Rows, dataset.Columns
    if len(dataset.PixelData) != 2 * rows * columns:
        raise _NotTaken
    return np.frombuffer(
        dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2"
    ).reshape(rows, columns)


def _compressed(
    dataset: Dataset, syntax: UID, frame: bytes, announced: CodestreamSize
) -> NDArray[Any]:
    decoder = _DECODERS.get(syntax)
    if decoder is None or not _is_plain(dataset) or announced.bits != dataset.BitsStored:
        raise _NotTaken
    if not frame.rstrip(b"\0").endswith(END_OF_IMAGE):
        raise _NotTaken
    try:
        decoded_YX = decoder(frame)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise _NotTaken from error
    if decoded_YX.dtype not in (np.uint16, np.int16):
        raise _NotTaken
    # the header knows the sign, the codestream often does not; the second shift carries it
    stored_YX = decoded_YX.view(np.int16 if dataset.PixelRepresentation else np.uint16)
    unused = 16 - int(dataset.BitsStored)
    return np.right_shift(np.left_shift(stored_YX, unused), unused) if unused else stored_YX


def _is_plain(dataset: Dataset) -> bool:
    return (
        integer_of(dataset, "SamplesPerPixel", 0) == 1
        and text_of(dataset, "PhotometricInterpretation") == "MONOCHROME2"
        and integer_of(dataset, "BitsAllocated", 0) == 16
        and 8 < integer_of(dataset, "BitsStored", 0) <= 16
        and integer_of(dataset, "PixelRepresentation", 2) in (0, 1)
        and integer_of(dataset, "NumberOfFrames", 1) == 1
        and isinstance(dataset.PixelData, bytes)
    )


_DECODERS: Mapping[UID, Callable[[bytes], NDArray[Any]]] = {
    JPEGLosslessSV1: imagecodecs.jpeg8_decode,
    JPEGLossless: imagecodecs.jpeg8_decode,
    JPEGLSLossless: imagecodecs.jpegls_decode,
    JPEGLSNearLossless: imagecodecs.jpegls_decode,
    JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    JPEG2000: imagecodecs.jpeg2k_decode,
}
# pyjpegls, the other one, takes 5 s to notice that a small frame ends early.
_PLUGINS: Mapping[UID, str] = {JPEGLSLossless: "gdcm", JPEGLSNearLossless: "gdcm"}
