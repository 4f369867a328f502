"""The stored values of a dataset's only frame.

imagecodecs (libjpeg-turbo, CharLS, OpenJPEG) decodes JPEG, JPEG-LS and JPEG 2000: it gives the same
pixels as pydicom's plugins, faster, and lets other threads run meanwhile. RLE and unusual
uncompressed data go to pydicom; imagecodecs' RLE decoder reads beyond the end of a damaged frame.
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
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ich_node.series.attributes import integer_of, text_of
from ich_node.series.codestream import CodestreamSize

# The last marker of JPEG and JPEG-LS. Their entropy-coded data cannot hold it (T.81 B.1.1.5, T.87
# C.2.1).
END_OF_IMAGE = b"\xff\xd9"
# Bits that might follow. Several, since what is no code of a frame's table is decoded as 0.
CONTINUATIONS = tuple(bytes([byte]) * 64 for byte in (0x00, 0x55, 0xAA, 0xCC))

JPEG_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLosslessSV1, JPEGLossless)


def decode(dataset: Dataset, frame: bytes, announced: CodestreamSize | None) -> NDArray[Any]:
    """stored_YX; uncompressed data with the bits above HighBit as they came.

    frame: the encapsulated bytes, b"" if there are none. announced: what they say of themselves,
    which must be the header's size; None for RLE and uncompressed data. Raises what pydicom and the
    decoders raise for data that is damaged or contradicts its header.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if announced is not None:
        return _compressed(dataset, syntax, frame, announced)
    if syntax.is_compressed and syntax != RLELossless:
        raise ValueError("the compressed data does not say its size")
    if syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian) and _fills_16_bits(dataset):
        stored_type = "<i2" if dataset.PixelRepresentation else "<u2"
        return np.frombuffer(dataset.PixelData, stored_type).reshape(dataset.Rows, dataset.Columns)
    return pixel_array(dataset)


def _fills_16_bits(dataset: Dataset) -> bool:
    """One sample per pixel in 16 bits and no other byte, as in nearly every CT image."""
    return (
        _is_grey(dataset)
        and integer_of(dataset, "BitsAllocated", 0) == 16
        and 8 < integer_of(dataset, "BitsStored", 0) <= 16
        and isinstance(dataset.PixelData, bytes)
        and len(dataset.PixelData) == 2 * dataset.Rows * dataset.Columns
    )


def _is_grey(dataset: Dataset) -> bool:
    return (
        integer_of(dataset, "SamplesPerPixel", 0) == 1
        and text_of(dataset, "PhotometricInterpretation") != ""
        and integer_of(dataset, "PixelRepresentation", 2) in (0, 1)
    )


def _compressed(
    dataset: Dataset, syntax: UID, frame: bytes, announced: CodestreamSize
) -> NDArray[Any]:
    allocated = integer_of(dataset, "BitsAllocated", 0)
    stored = integer_of(dataset, "BitsStored", 0)
    if not _is_grey(dataset) or allocated not in (8, 16) or not 0 < stored <= allocated:
        raise ValueError("its header does not describe grey pixels of 8 or 16 bits")
    decoder = _DECODERS.get(syntax)
    if decoder is None:
        raise ValueError("there is no decoder for it")
    decoded_YX = decoder(frame)
    if decoded_YX.dtype.kind not in "iu" or 8 * decoded_YX.dtype.itemsize > allocated:
        raise ValueError(f"it holds {decoded_YX.dtype} pixels, its header says {allocated} bits")
    # The header knows the sign, the codestream often does not. JPEG's precision is often 16 for
    # less; that of JPEG-LS and JPEG 2000 is right where it differs from BitsStored.
    significant = stored if syntax in JPEG_SYNTAXES else announced.bits
    unused = max(0, allocated - significant)
    signedness = "i" if dataset.PixelRepresentation else "u"
    stored_YX = decoded_YX.astype(f"{signedness}{allocated // 8}", copy=False)
    # the shift to the right carries the sign
    return np.right_shift(np.left_shift(stored_YX, unused), unused) if unused else stored_YX


def _jpeg(frame: bytes) -> NDArray[Any]:
    """libjpeg-turbo fills what is missing with grey and says nothing. So a frame without its last
    marker is decoded with several continuations: where they make a difference, it ends early.
    """
    if END_OF_IMAGE in frame:
        return np.asarray(imagecodecs.jpeg8_decode(frame))
    data = frame.rstrip(b"\0")  # the pad byte is no data
    if data.endswith(b"\xff"):  # as data it is followed by 0; else a marker would follow
        data += b"\0"
    first_YX, *others_YX = (
        imagecodecs.jpeg8_decode(data + continuation + END_OF_IMAGE)
        for continuation in CONTINUATIONS
    )
    if not all(np.array_equal(first_YX, other_YX) for other_YX in others_YX):
        raise ValueError("the compressed data ends early")
    return np.asarray(first_YX)


def _jpeg_ls(frame: bytes) -> NDArray[Any]:
    """CharLS notices data that ends early, but would look for a missing last marker for 4 s."""
    ended = frame if END_OF_IMAGE in frame else frame + END_OF_IMAGE
    return np.asarray(imagecodecs.jpegls_decode(ended))


_DECODERS: Mapping[UID, Callable[[bytes], NDArray[Any]]] = {
    **dict.fromkeys(JPEG_SYNTAXES, _jpeg),
    **dict.fromkeys((JPEGLSLossless, JPEGLSNearLossless), _jpeg_ls),
    **dict.fromkeys((JPEG2000Lossless, JPEG2000), imagecodecs.jpeg2k_decode),
}
