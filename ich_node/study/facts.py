"""What the headers and the positions of a series say: of which acquisition it is a reconstruction,
and how well it suits the reading of a head.
"""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.dicom.geometry import LEAST_COVERAGE_MM, LEAST_SLICES, slice_normal
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal
from ich_node.series.attributes import text_of, value_of
from ich_node.series.body_part import body_part
from ich_node.series.derived import derived_image_type
from ich_node.series.kernel import bone_kernel
from ich_node.series.placed import AXIAL_COSINE
from ich_node.series.shipped_rules import NONE, OTHER_BODY_PART

BEST_THICKNESS_MM = 5.0
# A head is not longer: what covers more, the neck or the body, is not better for it.
HEAD_MM = 150.0
# A series that covers less than this part of what another one covers is not whole beside it.
LEAST_PART = 0.9
# Reconstructions of one acquisition share at least this part of the shorter one.
LEAST_OVERLAP = 0.5
# Scanners state the time of a reconstruction's first slice in different ways.
SAME_TIME_SECONDS = 1.0
MOST_KERNEL_LETTERS = 16
# For the headers that are read from the spool
KEYWORDS = (
    "SeriesNumber",
    "ConvolutionKernel",
    "SliceThickness",
    "ImageType",
    "FrameOfReferenceUID",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionNumber",
    "StudyDate",
    "SeriesDescription",
    "ProtocolName",
    "StudyDescription",
    "BodyPartExamined",
    # for the rules of the site
    "Modality",
    "PatientAge",
    "PatientBirthDate",
    "ContentDate",
    "SeriesDate",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "QualityControlImage",
)


@dataclass(frozen=True, kw_only=True)
class SeriesFacts:
    """number, thickness_mm, kernel: as the header says, for people. times: the first and the last
    second of the acquisition, on that date; None if the header does not say. lowest_mm, highest_mm:
    of its slices along their normal.
    """

    number: int | None
    thickness_mm: float | None
    kernel: str
    frame_of_reference: str
    date: str
    times: tuple[float, float] | None
    acquisition_number: int | None
    is_axial: bool
    is_soft: bool
    is_reformat: bool
    is_of_another_part: bool
    slices: int
    lowest_mm: float
    highest_mm: float

    @property
    def coverage_mm(self) -> float:
        return self.highest_mm - self.lowest_mm

    @property
    def may_be_read(self) -> bool:
        """As far as the header knows: an axial reconstruction of soft tissue."""
        return self.is_axial and self.is_soft and not self.is_reformat

    @property
    def looks_like_a_head(self) -> bool:
        """Somebody waits for an answer about it: enough slices over enough millimetres."""
        return (
            self.may_be_read
            and not self.is_of_another_part
            and self.slices >= LEAST_SLICES
            and self.coverage_mm >= LEAST_COVERAGE_MM
        )

    @property
    def name(self) -> str:
        """As 'series 3 (5 mm, H31s)': numbers and the kernel, no free text."""
        inner = [f"{self.thickness_mm:g} mm"] if self.thickness_mm else []
        inner += [self.kernel] if self.kernel else []
        number = "a series without a number" if self.number is None else f"series {self.number}"
        return f"{number} ({', '.join(inner)})" if inner else number


def facts_of(
    headers: Sequence[Dataset],
    placed: Sequence[tuple[str | None, float | None]],
    ignored: Collection[str] = NONE,
) -> SeriesFacts | None:
    """headers: of a few objects of the series. placed: (orientation, position in mm) of all of
    them, as the ledger has them. ignored: shipped rules that do not hold for the series.

    None if the headers or the positions do not tell what the series is; it is then read by itself.
    """
    stack = _largest_stack(placed)
    if not headers or stack is None:
        return None
    orientation, positions = stack
    header = headers[0]
    try:
        kernel = text_of(header, "ConvolutionKernel")
        part = body_part(header)
        return SeriesFacts(
            number=_whole(header, "SeriesNumber"),
            thickness_mm=_number(header, "SliceThickness") or _step_mm(positions),
            kernel="".join(filter(str.isprintable, kernel))[:MOST_KERNEL_LETTERS],
            frame_of_reference=str(value_of(header, "FrameOfReferenceUID") or ""),
            date=_date(header),
            times=_times(headers),
            acquisition_number=_whole(header, "AcquisitionNumber"),
            is_axial=_is_axial(orientation),
            is_soft=not bone_kernel(header, ignored),
            is_reformat=bool(derived_image_type(header, ignored)),
            is_of_another_part=bool(part.other and not part.head)
            and OTHER_BODY_PART not in ignored,
            slices=len(positions),
            lowest_mm=min(positions),
            highest_mm=max(positions),
        )
    except (Refusal, *PARSING_ERRORS):
        return None


def same_acquisition(a: SeriesFacts, b: SeriesFacts) -> bool:
    """Whether both are reconstructions of one acquisition. In doubt not: then both are read."""
    if not a.frame_of_reference or a.frame_of_reference != b.frame_of_reference:
        return False
    numbers = a.acquisition_number, b.acquisition_number
    if None not in numbers and numbers[0] != numbers[1]:
        return False
    if a.times and b.times:
        at_one_time = a.date == b.date and _overlap(a.times, b.times) >= -SAME_TIME_SECONDS
    else:
        at_one_time = not a.times and not b.times and None not in numbers
    overlap_mm = _overlap((a.lowest_mm, a.highest_mm), (b.lowest_mm, b.highest_mm))
    return at_one_time and overlap_mm >= LEAST_OVERLAP * min(a.coverage_mm, b.coverage_mm)


def is_better(a: SeriesFacts, b: SeriesFacts) -> bool:
    """Whether `a` suits the reading better than `b`, another reconstruction of its acquisition:
    the whole head before a part, nearer 5 mm, then more of the patient.
    """
    most_mm = min(HEAD_MM, max(a.coverage_mm, b.coverage_mm))
    return _quality(a, most_mm) > _quality(b, most_mm)


def _quality(facts: SeriesFacts, most_mm: float) -> tuple[bool, bool, float, float, int]:
    return (
        facts.may_be_read,
        facts.coverage_mm >= LEAST_PART * most_mm,
        -round(abs((facts.thickness_mm or 0.0) - BEST_THICKNESS_MM), 1),
        round(min(facts.coverage_mm, HEAD_MM)),
        facts.slices,
    )


def _largest_stack(
    placed: Sequence[tuple[str | None, float | None]],
) -> tuple[str, list[float]] | None:
    """The most frequent orientation, and the positions of its slices."""
    counts = Counter(
        orientation
        for orientation, position_mm in placed
        if orientation is not None and position_mm is not None
    )
    if not counts:
        return None
    ((largest, _),) = counts.most_common(1)
    return largest, [
        position_mm
        for orientation, position_mm in placed
        if orientation == largest and position_mm is not None
    ]


def _is_axial(orientation: str) -> bool:
    cosines = [float(cosine) for cosine in orientation.split("\\")]
    return abs(float(slice_normal(cosines)[2])) > AXIAL_COSINE


def _step_mm(positions: Sequence[float]) -> float | None:
    """The most frequent distance of neighbours."""
    places = sorted(set(positions))
    steps = Counter(round(upper - lower, 1) for lower, upper in itertools.pairwise(places))
    return steps.most_common(1)[0][0] if steps else None


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """How much of two ranges is common; negative: the gap between them."""
    return min(a[1], b[1]) - max(a[0], b[0])


def _times(headers: Sequence[Dataset]) -> tuple[float, float] | None:
    seconds = [_second(header) for header in headers]
    known = [second for second in seconds if second is not None]
    return (min(known), max(known)) if len(known) == len(seconds) else None


def _second(header: Dataset) -> float | None:
    """Of the day, from AcquisitionDateTime (PS3.5 6.2, DT) or AcquisitionTime (TM)."""
    both = text_of(header, "AcquisitionDateTime")
    text = both[8:] if len(both) >= 14 else text_of(header, "AcquisitionTime")
    text = text.replace(":", "").split("+")[0].split("-")[0]
    if len(text) < 4:
        return None
    try:
        return 3600 * int(text[:2]) + 60 * int(text[2:4]) + float(text[4:] or 0)
    except ValueError:
        return None


def _date(header: Dataset) -> str:
    both = text_of(header, "AcquisitionDateTime")
    if len(both) >= 14:
        return both[:8]
    return text_of(header, "AcquisitionDate") or text_of(header, "StudyDate")


def _number(header: Dataset, keyword: str) -> float | None:
    try:
        number = float(str(value_of(header, keyword)))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _whole(header: Dataset, keyword: str) -> int | None:
    try:
        return int(float(str(value_of(header, keyword))))
    except (ValueError, OverflowError):
        return None
