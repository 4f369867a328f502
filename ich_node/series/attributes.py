"""Attributes of a dataset that may be damaged: a value, a default, or a Refusal that names the
attribute.
"""

import math
from collections.abc import Iterable
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence

from ich_node.dicom.image_id import ImageId
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import NoGeometry, Undecodable

LARGEST_IS = 2**31  # PS3.5 6.2


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The value, or None where the attribute is missing or empty. Raises Undecodable if its bytes
    cannot be read as a value.
    """
    try:
        return dataset.get(keyword)
    except PARSING_ERRORS as error:
        # without the text of the error: it quotes the bytes, which may be a patient's name
        raise Undecodable(f"the attribute {keyword} is damaged") from error


def uid_of(dataset: Dataset, keyword: str) -> str:
    """A UID as text, '' where there is none. Raises Undecodable."""
    return str(value_of(dataset, keyword) or "")


def image_of(dataset: Dataset) -> ImageId:
    """What refers to this image; with the frame number if it is a frame (frames.py). Raises
    Undecodable.
    """
    return ImageId(uid_of(dataset, "SOPInstanceUID"), getattr(dataset, "frame_number", None))


def integer_of(dataset: Dataset, keyword: str, default: int) -> int:
    """A whole number; default where there is none. Raises Undecodable if the value is not one."""
    value = value_of(dataset, keyword)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Undecodable(
            f"{uid_of(dataset, 'SOPInstanceUID')}: {keyword} is not a whole number"
        ) from error


def number_or_none(dataset: Dataset, keyword: str) -> int | None:
    """A whole number that only helps people to find the object; None where there is none."""
    try:
        number = integer_of(dataset, keyword, 0)
    except Undecodable:
        return None
    return number if 0 < number < LARGEST_IS else None


def numbers_of(dataset: Dataset, keyword: str, count: int) -> list[float]:
    """Exactly count finite numbers. Raises NoGeometry if they are missing or anything else."""
    name = uid_of(dataset, "SOPInstanceUID")
    value = value_of(dataset, keyword)
    if value is None or value == "":
        raise NoGeometry(f"{name}: {keyword} is missing")
    try:
        numbers = [float(item) for item in value]
    except (TypeError, ValueError, OverflowError) as error:
        raise NoGeometry(f"{name}: {keyword} does not hold numbers") from error
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise NoGeometry(f"{name}: {keyword} is damaged")
    return numbers


def values_of(dataset: Dataset, keyword: str) -> list[str]:
    """The values of a text attribute, upper case, single spaces. Raises Undecodable."""
    value = value_of(dataset, keyword)
    try:
        values = [value] if isinstance(value, str) else list(value or ())
    except TypeError as error:
        raise Undecodable(f"{uid_of(dataset, 'SOPInstanceUID')}: {keyword} is not text") from error
    return [" ".join(str(part).upper().split()) for part in values]


def words_of(dataset: Dataset, keyword: str) -> str:
    """All values of a text attribute that only hints at something, as they were written; '' where
    it is missing or damaged.
    """
    try:
        value = value_of(dataset, keyword)
    except Undecodable:
        return ""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return "" if value is None else str(value)
    return " ".join(map(str, value))


def items_of(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    """The items of a sequence that only hints at something; none where it is missing or damaged."""
    try:
        value = value_of(dataset, keyword)
    except Undecodable:
        return ()
    return value if isinstance(value, Sequence) else ()


def text_of(dataset: Dataset, keyword: str) -> str:
    """All values of a text attribute in one string. Raises Undecodable."""
    return " ".join(values_of(dataset, keyword))


def transfer_syntax_of(dataset: Dataset) -> Any:
    """The UID of the transfer syntax; None where there is no file meta information."""
    meta = getattr(dataset, "file_meta", None)
    return None if meta is None else meta.get("TransferSyntaxUID")
