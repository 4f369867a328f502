"""One dataset -> stored values and Hounsfield units."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame

from ich_node.errors import NoHounsfieldUnits, Refusal, Undecodable
from ich_node.series.attributes import integer_of, text_of, uid_of, value_of
from ich_node.series.codestream import CodestreamSize, size_of
from ich_node.series.decoders import decode
from ich_node.series.frames import with_pixels
from ich_node.series.parallel import in_order

PADDING_BELOW_HU = -1100
# A PixelPaddingValue above this would be tissue: masking it would blank the brain, so it is
# ignored.
PADDING_AT_MOST_HU = -500
# A RescaleSlope or RescaleIntercept beyond this is damaged.
MOST_RESCALE = 1e6
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """hu_YX in Hounsfield units; padding_YX: True where the scanner measured nothing."""

    hu_YX: NDArray[np.int16] | NDArray[np.float32]
    padding_YX: NDArray[np.bool_]

    @property
    def size_bytes(self) -> int:
        return self.hu_YX.nbytes + self.padding_YX.nbytes


# One damaged slice does not cost the head: Undecodable or NoHounsfieldUnits stand for its pixels.
Decoded = Pixels | Refusal
Decode = Callable[[Sequence[Dataset]], Sequence[Decoded]]


def decode_all(datasets: Sequence[Dataset]) -> list[Decoded]:
    """The Pixels of each dataset, or why it has none, in the order of the datasets."""
    return in_order(decode_one, datasets)


def decode_one(dataset: Dataset) -> Decoded:
    """Of one, on this thread."""
    try:
        dataset = with_pixels(dataset)
        stored_YX, hu_YX = to_hounsfield(dataset)
    except (Undecodable, NoHounsfieldUnits) as refusal:
        return refusal
    return Pixels(hu_YX=hu_YX, padding_YX=padding_mask(dataset, stored_YX, hu_YX))


def to_hounsfield(dataset: Dataset) -> tuple[NDArray[Any], NDArray[np.int16] | NDArray[np.float32]]:
    """stored_YX as decoded, hu_YX = stored * RescaleSlope + RescaleIntercept; int16 where that is
    exact.

    Raises Undecodable or NoHounsfieldUnits.
    """
    slope, intercept = rescale_of(dataset)
    stored_YX = _stored(dataset)
    if slope == 1 and intercept.is_integer():
        shift = int(intercept)
        if INT16.min - shift <= int(stored_YX.min()) and int(stored_YX.max()) <= INT16.max - shift:
            # the result fits into 16 bits, so that wrapping on the way there does no harm
            return stored_YX, stored_YX.astype(np.int16) + np.int64(shift).astype(np.int16)
    return stored_YX, stored_YX.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def padding_mask(
    dataset: Dataset, stored_YX: NDArray[Any], hu_YX: NDArray[Any]
) -> NDArray[np.bool_]:
    """True where the scanner measured nothing: PixelPaddingValue (to PixelPaddingRangeLimit), and
    everything below -1100 HU.
    """
    mask_YX: NDArray[np.bool_] = hu_YX < PADDING_BELOW_HU
    padding = _padding_value(dataset, "PixelPaddingValue")
    if padding is None:
        return mask_YX
    limit = _padding_value(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((padding, padding if limit is None else limit))
    slope, intercept = rescale_of(dataset)
    if high * slope + intercept <= PADDING_AT_MOST_HU:
        mask_YX |= (stored_YX >= low) & (stored_YX <= high)
    return mask_YX


def rescale_of(dataset: Dataset) -> tuple[float, float]:
    """RescaleSlope and RescaleIntercept, as the pixels are read. Raises NoHounsfieldUnits."""
    uid = uid_of(dataset, "SOPInstanceUID")
    try:
        slope, intercept = (
            float(value_of(dataset, "RescaleSlope")),
            float(value_of(dataset, "RescaleIntercept")),
        )
    except (TypeError, ValueError) as error:
        raise NoHounsfieldUnits(
            f"{uid}: RescaleSlope or RescaleIntercept is missing or not a number"
        ) from error
    if not (0 < slope <= MOST_RESCALE and abs(intercept) <= MOST_RESCALE):  # nor a NaN
        raise NoHounsfieldUnits(
            f"{uid}: RescaleSlope {slope:g}, RescaleIntercept {intercept:g} do not lead to "
            "Hounsfield units"
        )
    kind = text_of(dataset, "RescaleType") or "HU"
    if kind not in ("HU", "US"):  # US is 'unspecified', which older scanners write
        raise NoHounsfieldUnits(f"{uid}: RescaleType {kind}, not HU")
    return slope, intercept


def _stored(dataset: Dataset) -> NDArray[Any]:
    uid = uid_of(dataset, "SOPInstanceUID")
    frame, announced = _frame(dataset, uid) if _is_encapsulated(dataset) else (b"", None)
    try:
        decoded = decode(dataset, frame, announced)
    except (
        AttributeError,
        EOFError,
        IndexError,
        KeyError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # what pydicom and the decoders raise for data that is damaged or contradicts its header
        raise Undecodable(
            f"{uid}: {_syntax(dataset)} pixel data cannot be decoded ({error})"
        ) from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        # pylibjpeg-rle is written in Rust; its panics are a BaseException
        raise Undecodable(
            f"{uid}: {_syntax(dataset)} pixel data cannot be decoded "
            "(it is longer than its header says)"
        ) from None
    if decoded.shape != (dataset.Rows, dataset.Columns):
        raise Undecodable(
            f"{uid}: {dataset.Rows} x {dataset.Columns} stated, "
            f"{' x '.join(map(str, decoded.shape))} decoded"
        )
    return decoded if _is_encapsulated(dataset) else _bits_stored(decoded, dataset)


def _frame(dataset: Dataset, uid: str) -> tuple[bytes, CodestreamSize | None]:
    """The encapsulated bytes and the size that they announce, compared with the header before a
    decoder allocates memory. Raises Undecodable.
    """
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
        announced = size_of(frame)
    except (
        AttributeError,
        EOFError,
        IndexError,
        RuntimeError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise Undecodable(
            f"{uid}: the {_syntax(dataset)} pixel data has no frame ({error})"
        ) from error
    except Undecodable as reason:
        raise Undecodable(f"{uid}: {reason.detail}") from reason
    if announced and (announced.rows, announced.columns, announced.components) != (
        dataset.Rows,
        dataset.Columns,
        1,
    ):
        raise Undecodable(
            f"{uid}: {dataset.Rows} x {dataset.Columns} stated, but the compressed data announces "
            f"{announced.rows} x {announced.columns}, {announced.components} components"
        )
    return frame, announced


def _bits_stored(decoded_YX: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """The value is the BitsStored bits from HighBit down. Other bits may hold overlays or copies of
    the sign.
    """
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high = integer_of(dataset, "HighBit", stored - 1)
    if not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise Undecodable(
            f"{dataset.SOPInstanceUID}: BitsAllocated {allocated}, BitsStored {stored}, "
            f"HighBit {high} contradict each other"
        )
    if stored == allocated:
        return decoded_YX
    # shifted up until HighBit is the top bit, then down until the lowest bit is bit 0; the second
    # shift carries the sign
    return (decoded_YX << (allocated - 1 - high)) >> (allocated - stored)


def _padding_value(dataset: Dataset, keyword: str) -> int | None:
    """Signed as the pixels are: the element's VR is often the other one (63536 for -2000)."""
    value = value_of(dataset, keyword)
    if not isinstance(value, int):
        return None
    return (
        int(np.int64(value).astype(np.int16))
        if integer_of(dataset, "PixelRepresentation", 0) == 1
        else int(np.int64(value).astype(np.uint16))
    )


def _is_encapsulated(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_compressed)


def _syntax(dataset: Dataset) -> str:
    return str(dataset.file_meta.TransferSyntaxUID.name)
