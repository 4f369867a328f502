"""What the result objects of one Reading are written from: the slices with their headers, which of
them are shown, and the lesion of each mark.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Literal

from pydicom import Dataset
from pydicom.uid import UID

from ich_node.detection.lesions import Lesion, Mark, find_lesions
from ich_node.detection.reading import Finding, LikelihoodMap, Reading, SliceReading
from ich_node.dicom.image_id import ImageId
from ich_node.report.evidence import to_evidence
from ich_node.report.predecessor import Predecessor
from ich_node.report.result_header import Algorithm, ResultHeader, in_the_zone_of
from ich_node.report.source_words import source_words
from ich_node.report.uids import UidMaker, uid_from
from ich_node.series.series import Series, Slice

AnswerWord = Literal["present", "absent", "undetermined", "not_analysed"]
SrClass = Literal["comprehensive3d", "comprehensive", "enhanced"]
# More marks on a slice add no information.
MAX_MARKS_PER_SLICE = 5
# Grid of the places that tracking UIDs are made from: a peak that moves by a pixel keeps its UID.
SAME_PLACE_MM = 5.0


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Which objects are made, and how.

    max_overlays: the most overlays of one series; summary: the answers that get a page; refused:
    which series without an answer get an SR that says so; ae_title: this node's name in the
    objects.
    """

    sr_class: SrClass = "comprehensive3d"
    max_overlays: int = 20
    summary: tuple[AnswerWord, ...] = ("present", "undetermined")
    gsps: bool = True
    key_objects: bool = True
    parametric_map: bool = False
    segmentation: bool = False
    refused: Literal["heads", "all", "none"] = "heads"
    compression: Literal["rle", "none"] = "rle"
    ae_title: str = "ICHNODE"

    def wants_refusal(self, *, about_a_head: bool) -> bool:
        """Whether a series that was not analysed gets an SR."""
        return self.refused == "all" or (self.refused == "heads" and about_a_head)

    def facts(self) -> tuple[str, ...]:
        """What makes other objects of the same reading: part of their UIDs."""
        return tuple(f"{option.name}={getattr(self, option.name)}" for option in fields(self))


@dataclass(frozen=True, kw_only=True)
class SourceSeries:
    """The series that was read.

    datasets: headers of all its Slices, pixel data not needed. digest: SHA-256, hex, over the
    sorted hashes of the source objects (`digest_of`). revision: of the job; late slices raise it.
    """

    series: Series
    datasets: Sequence[Dataset]
    digest: str
    revision: int
    predecessor: Predecessor | None = None


@dataclass(frozen=True, kw_only=True)
class ReadSlice:
    """A Slice with its clean header and its reading. number: 1-based, from the feet."""

    number: int
    slice: Slice
    header: Dataset
    reading: SliceReading


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that a result object is written from. slices: in the order of the Series.
    unlisted_marks: how many are beyond the first MAX_MARKS_PER_SLICE of a slice, or outside of the
    image.
    """

    reading: Reading
    slices: tuple[ReadSlice, ...]
    lesions: tuple[Lesion, ...]
    unlisted_marks: int
    result_header: ResultHeader
    options: ReportOptions
    predecessor: Predecessor | None
    _by_image: dict[ImageId, ReadSlice] = field(repr=False)

    @property
    def positive_slices(self) -> tuple[ReadSlice, ...]:
        """Slices at or above the threshold: there are some if and only if the series is positive.
        Lesions are marked on these slices alone.
        """
        return tuple(
            read for read in self.slices if read.reading.probability >= self.reading.threshold
        )

    @property
    def mapped_slices(self) -> tuple[tuple[ReadSlice, LikelihoodMap], ...]:
        """The slices that have a likelihood map. A slab of thin slices has one map, which belongs
        to the slice with the slab's marks.
        """
        maps = {likelihood_map.image: likelihood_map for likelihood_map in self.reading.maps}
        images = [(read, read.slice.image) for read in self.slices]
        return tuple((read, maps[image]) for read, image in images if image in maps)

    @property
    def shown_slices(self) -> tuple[ReadSlice, ...]:
        """The positive slices that have a map, and so can get an overlay."""
        positive = {read.number for read in self.positive_slices}
        return tuple(read for read, _ in self.mapped_slices if read.number in positive)

    def slice_of(self, mark: Mark) -> ReadSlice:
        """The slice on which the mark is."""
        return self._by_image[mark.slice.image]

    def tracking_uid(self, lesion: Lesion) -> UID:
        """The same for the same place in a series, in every revision and with every bundle; never
        the same for two lesions.
        """
        place = _place(lesion)
        earlier = [each for each in self.lesions if each.number < lesion.number]
        twins = sum(_place(each) == place for each in earlier)
        ordinal = [f"lesion {twins + 1} here"] if twins else []
        return uid_from("lesion", self.reading.series_instance_uid, *place, *ordinal)

    def marks_on(self, read: ReadSlice) -> list[tuple[Lesion, Mark]]:
        """The marks of one slice with their lesions, the most certain lesion first."""
        return marks_on(read.slice, self.lesions)


def lesions_of(series: Series, reading: Reading) -> tuple[Lesion, ...]:
    """The Lesions of a positive Reading, numbered as in every object; none of a negative Reading.

    They are marked on the slices at or above the threshold. A slab of thin slices counts as one
    slice, the one with its marks.
    """
    return listed(all_lesions(series, reading))


def all_lesions(series: Series, reading: Reading) -> tuple[Lesion, ...]:
    """Before the marks are limited (`listed`). It takes most of the time of a report."""
    if not reading.positive:
        return ()
    by_image = {slice_reading.image: slice_reading for slice_reading in reading.slices}
    mapped = {likelihood_map.image for likelihood_map in reading.maps} or set(by_image)
    slices = [slice_ for slice_ in series.slices if slice_.image in mapped]
    readings = [by_image[slice_.image] for slice_ in slices]
    return find_lesions(
        slices,
        [
            _inside(slice_, each.findings) if each.probability >= reading.threshold else []
            for slice_, each in zip(slices, readings, strict=True)
        ],
        reading.maps,
    )


def _inside(slice_: Slice, findings: Sequence[Finding]) -> list[Finding]:
    rows, columns = slice_.hu_YX.shape
    return [
        finding
        for finding in findings
        if -0.5 <= finding.row <= rows - 0.5 and -0.5 <= finding.column <= columns - 0.5
    ]


def listed(lesions: Sequence[Lesion]) -> tuple[Lesion, ...]:
    """The lesions without their marks beyond the first MAX_MARKS_PER_SLICE of a slice, and without
    those that have no other mark; numbered anew.
    """
    counts: Counter[ImageId] = Counter()
    listed: list[Lesion] = []
    for lesion in lesions:
        marks = []
        for mark in lesion.marks:
            counts[mark.slice.image] += 1
            if counts[mark.slice.image] <= MAX_MARKS_PER_SLICE:
                marks.append(mark)
        if marks and marks[0] is lesion.peak:
            listed.append(replace(lesion, number=len(listed) + 1, marks=tuple(marks)))
    return tuple(listed)


def _count_marks(lesions: Sequence[Lesion]) -> int:
    return sum(len(lesion.marks) for lesion in lesions)


def _count_outside(slices: Sequence[ReadSlice], reading: Reading) -> int:
    """Findings on the slices at or above the threshold."""
    return sum(
        len(read.reading.findings) - len(_inside(read.slice, read.reading.findings))
        for read in slices
        if read.reading.probability >= reading.threshold
    )


def _place(lesion: Lesion) -> tuple[str, ...]:
    """Where its peak lies, on a grid; the stack, too, if it is not the first."""
    place = tuple(str(round(mm / SAME_PLACE_MM)) for mm in lesion.peak.patient_mm)
    stack = lesion.peak.slice.stack
    return (*place, f"stack {stack}") if stack else place


def marks_on(slice_: Slice, lesions: Sequence[Lesion]) -> list[tuple[Lesion, Mark]]:
    """The marks of one slice with their lesions, in the order of the lesions."""
    return [
        (lesion, mark)
        for lesion in lesions
        for mark in lesion.marks
        if mark.slice.image == slice_.image
    ]


def to_context(
    source: SourceSeries,
    *,
    reading: Reading,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
    lesions: Sequence[Lesion] | None = None,
) -> Context:
    """lesions: `all_lesions`, if the caller has found them. Raises ReportError if the source lacks
    a UID that the results refer to.
    """
    headers = to_evidence(source.series, source.datasets)
    at = in_the_zone_of(headers[0], at)
    by_image = {slice_reading.image: slice_reading for slice_reading in reading.slices}
    slices = tuple(
        ReadSlice(number=number, slice=slice_, header=header, reading=by_image[slice_.image])
        for number, (slice_, header) in enumerate(
            zip(source.series.slices, headers, strict=True), start=1
        )
    )
    if lesions is None:
        lesions = all_lesions(source.series, reading)
    shown = listed(lesions)
    return Context(
        reading=reading,
        slices=slices,
        lesions=shown,
        unlisted_marks=_count_marks(lesions)
        - _count_marks(shown)
        + _count_outside(slices, reading),
        result_header=ResultHeader(
            algorithm=algorithm,
            ae_title=options.ae_title,
            uids=UidMaker(
                facts=_facts(source, reading=reading, algorithm=algorithm, options=options, at=at)
            ),
            source_header=headers[0],
            source=source_words(
                headers[0], revision=source.revision, predecessor=source.predecessor, at=at
            ),
            at=at,
        ),
        options=options,
        predecessor=source.predecessor,
        _by_image={read.slice.image: read for read in slices},
    )


def _facts(
    source: SourceSeries,
    *,
    reading: Reading,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> tuple[str, ...]:
    """Everything that decides the content of the objects."""
    return (
        source.series.series_instance_uid,
        source.digest,
        str(source.revision),
        source.predecessor.sop_instance_uid if source.predecessor else "",
        algorithm.bundle_sha256,
        algorithm.version,
        algorithm.details,
        str(algorithm.demonstration),
        reading.engine,  # engines may differ in the last digit
        *(part.detail for part in reading.missing),
        *(warning.detail for warning in reading.warnings),
        *options.facts(),
        at.isoformat(),
    )
