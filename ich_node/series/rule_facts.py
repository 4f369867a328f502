"""What the headers of a series say, for the rules of the site to match on."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydicom import Dataset

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal
from ich_node.series.age import age_years
from ich_node.series.attributes import image_of, uid_of, value_of, values_of, words_of
from ich_node.series.contrast_words import contrast_words
from ich_node.series.frames import frames_of

Value = TypeVar("Value")
TEXTS = {
    "modality": "Modality",
    "body_part": "BodyPartExamined",
    "description": "SeriesDescription",
    "protocol": "ProtocolName",
    "kernel": "ConvolutionKernel",
}


@dataclass(frozen=True, kw_only=True)
class RuleFacts:
    """source: its name in config.toml. Texts are '' where the header has none; other values are
    None where they are not known. slices: images that are no localizers.
    """

    source: str | None
    modality: str
    body_part: str
    description: str
    protocol: str
    kernel: str
    thickness_mm: float | None
    slices: int | None
    age_years: float | None
    contrast: bool
    quality_control_image: bool


def rule_facts(
    datasets: Sequence[Dataset], *, source: str | None, slices: int | None = None
) -> RuleFacts:
    """Where the objects differ, what most of them say; the contrast agent and the age are what any
    of them says.

    slices: None: counted.
    """
    named = dict(pair for dataset in datasets for pair in _images(dataset))
    images = list(named.values())
    texts = {
        name: _most([" ".join(words_of(image, keyword).split()) for image in images]) or ""
        for name, keyword in TEXTS.items()
    }
    return RuleFacts(
        source=source,
        **texts,
        thickness_mm=_most([_number(image, "SliceThickness") for image in images]),
        slices=len(images) if slices is None else slices,
        age_years=age_years(datasets),
        contrast=any(contrast_words(image) for image in images),
        quality_control_image=_most([_is_quality_control(image) for image in images]) or False,
    )


def _images(dataset: Dataset) -> list[tuple[object, Dataset]]:
    """With a name for each; of several versions of an image the last one given stays."""
    try:
        return [
            (image_of(frame) if uid_of(frame, "SOPInstanceUID") else id(frame), frame)
            for frame in frames_of(dataset)
            if not is_localizer(frame)
        ]
    except (Refusal, *PARSING_ERRORS):
        return []


def is_localizer(dataset: Dataset) -> bool:
    """Raises Undecodable."""
    return "LOCALIZER" in values_of(dataset, "ImageType")


def _most(values: Sequence[Value]) -> Value | None:
    """The most frequent value, of several the first."""
    return Counter(values).most_common(1)[0][0] if values else None


def _number(dataset: Dataset, keyword: str) -> float | None:
    try:
        number = float(str(value_of(dataset, keyword)))
    except (Refusal, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is_quality_control(dataset: Dataset) -> bool:
    return words_of(dataset, "QualityControlImage").strip().upper() == "YES"
