"""What a series' headers say that statistics may keep: the machine, the protocol, age and sex."""

import math
from collections.abc import Iterable, Sequence

from pydicom import Dataset

from ich_node.errors import Undecodable
from ich_node.ledger import Scan
from ich_node.series.age import age_years
from ich_node.series.attributes import integer_of, words_of

LONGEST_TEXT = 64
OLDEST_YEARS = 90  # older patients are so few that their age could identify them


def scan_of(datasets: Sequence[Dataset]) -> Scan:
    """A damaged value is left out; nothing here keeps a series from its answer."""
    years = age_years(datasets)
    sex = _text(datasets, "PatientSex").upper()
    return Scan(
        manufacturer=_text(datasets, "Manufacturer"),
        scanner=_text(datasets, "ManufacturerModelName"),
        body_part=_text(datasets, "BodyPartExamined").upper(),
        kernel=_text(datasets, "ConvolutionKernel"),
        slice_thickness_mm=_number(datasets, "SliceThickness"),
        kvp=_number(datasets, "KVP"),
        slices=sum(_frames(dataset) for dataset in datasets),
        age_years=None if years is None else min(int(years), OLDEST_YEARS),
        sex=sex if sex in ("M", "F", "O") else "",
    )


def _text(datasets: Iterable[Dataset], keyword: str) -> str:
    """The first that is not empty."""
    values = (" ".join(words_of(dataset, keyword).split()) for dataset in datasets)
    return next(filter(None, values), "")[:LONGEST_TEXT]


def _number(datasets: Iterable[Dataset], keyword: str) -> float | None:
    for dataset in datasets:
        try:
            number = float(words_of(dataset, keyword))
        except ValueError:
            continue
        if math.isfinite(number) and number > 0:
            return number
    return None


def _frames(dataset: Dataset) -> int:
    try:
        return max(1, integer_of(dataset, "NumberOfFrames", 1))
    except Undecodable:
        return 1
