"""The measurement groups of the SR.

::

    the series          Present, certainty | Absent or Undetermined, number of slices   TID 1501
    each positive slice Present, certainty, inferred from its image                     TID 1501
    each lesion         Present, certainty inferred from the POINT of its peak, height  TID 1501
    each of its marks   POINT on its slice; certainty, unless it is the peak            TID 1410

Each group has a comment in words.

OHIF 3.13 decides the form of the groups:

- It opens no document in which a group has no number with coordinates. So the number of a series
  or slice is inferred from a line in the margin of an image, also where there is no blood.
- It writes beside the right end of the coordinates, and does not wrap. So the line is at the left,
  that of a slice below that of the series.
- It shows comments of TID 1501, and none of TID 1410, where it writes the code of the Finding Site
  instead. So each lesion has a group of TID 1501, and the Finding Site of a mark is a modifier of
  its Finding. The mark of the peak has no number: its text would cover that of the lesion.
- It takes groups with one tracking UID for one, and draws the first. So each mark has its own.
"""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from ich_node.answer import Answer
from ich_node.detection.lesions import Lesion, Mark
from ich_node.detection.reading import Reading
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.percent import percent, percent_text, rounded_beside
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice
from ich_node.report.observer import algorithm_identification
from ich_node.report.result_header import Algorithm
from ich_node.report.slice_name import slice_name
from ich_node.report.tree import (
    coded,
    container,
    image,
    margin_line,
    number,
    point,
    text,
    uid_reference,
)
from ich_node.report.uids import uid_from

PRESENCE = {
    Answer.PRESENT: codes.PRESENT,
    Answer.ABSENT: codes.ABSENT,
    Answer.UNDETERMINED: codes.UNDETERMINED,
    Answer.NOT_ANALYSED: codes.UNDETERMINED,
}


def measurement_groups(context: Context) -> list[Dataset]:
    """Of the series, of each positive slice, and of each lesion with its marks, in this order."""
    common = common_items(context.result_header.algorithm)
    return [
        _series_group(context, common),
        *_slice_groups(context, common),
        *_lesion_groups(context, common),
    ]


def common_items(algorithm: Algorithm, *, of_a_mark: bool = False) -> list[Dataset]:
    """What every group says: finding, finding site and algorithm. All groups hold the same items,
    since their construction would take a third of the time that a group takes.
    """
    finding = coded(codes.FINDING, codes.INTRACRANIAL_HEMORRHAGE, "CONTAINS")
    site = coded(codes.FINDING_SITE, codes.INTRACRANIAL, "HAS CONCEPT MOD")
    if of_a_mark:
        finding.ContentSequence = [site]
    return [
        finding,
        *([] if of_a_mark else [site]),
        *algorithm_identification(algorithm),
    ]


def measurement_group(
    *items: Dataset, template: str, tracking: tuple[str, UID], common: Sequence[Dataset]
) -> Dataset:
    """template: 1501 for images as a whole, 1410 for a region. tracking: Tracking Identifier and
    Tracking Unique Identifier. common: `common_items`.
    """
    identifier, uid = tracking
    return container(
        codes.MEASUREMENT_GROUP,
        text(codes.TRACKING_IDENTIFIER, identifier, "HAS OBS CONTEXT"),
        uid_reference(codes.TRACKING_UID, uid, "HAS OBS CONTEXT"),
        *common,
        *items,
        template=template,
        continuous=True,
    )


def series_tracking(series_instance_uid: str) -> tuple[str, UID]:
    """Identifier and UID of the group of the series, the same in every revision."""
    return "series", uid_from("series", series_instance_uid)


def presence(value: Code) -> Dataset:
    """The qualitative evaluation: Present, Absent or Undetermined."""
    return coded(codes.INTRACRANIAL_HEMORRHAGE, value, "CONTAINS")


def column_row(mark: Mark) -> tuple[float, float]:
    """Image coordinates of a mark (PS3.3 C.18.6): (column, row), where 0\\0 is the top-left corner
    of the first pixel and 0.5\\0.5 its centre.
    """
    return round(mark.finding.column + 0.5, 2), round(mark.finding.row + 0.5, 2)


def scores(reading: Reading) -> str:
    """In words, because the score of a head without blood is not the certainty of its answer."""
    score = percent_text(rounded_beside(reading.series_probability, reading.threshold))
    return f"highest slice score {score}, threshold {percent_text(reading.threshold)}"


def comment(words: str) -> Dataset:
    """What viewers write beside the coordinates of a group."""
    return text(codes.COMMENT, words, "CONTAINS")


def _series_group(context: Context, common: Sequence[Dataset]) -> Dataset:
    reading = context.reading
    sources = context.positive_slices or context.slices
    likeliest = _likeliest(context)
    if reading.positive:
        count = len(context.positive_slices)
        words = f"Hemorrhage present: {count} of {len(context.slices)} slices; {scores(reading)}"
        score = _certainty(reading.series_probability, _inferred_from(likeliest))
    else:
        undetermined = reading.answer is Answer.UNDETERMINED
        why = f"undetermined: {reading.missing[0].detail}" if undetermined else "absent"
        words = f"Hemorrhage {why}; {scores(reading)}"
        score = number_of_frames(len(context.slices), likeliest.header)
    return measurement_group(
        comment(words + _demonstration(context)),
        score,
        presence(PRESENCE[reading.answer]),
        *(image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS") for read in sources),
        template="1501",
        tracking=series_tracking(reading.series_instance_uid),
        common=common,
    )


def _slice_groups(context: Context, common: Sequence[Dataset]) -> list[Dataset]:
    return [
        measurement_group(
            comment(
                f"Hemorrhage present, {_name(read)}{_lesions_on(context, read)}"
                f"{_demonstration(context)}"
            ),
            _certainty(read.reading.probability, _inferred_from(read, line=1)),
            presence(codes.PRESENT),
            image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS"),
            template="1501",
            tracking=(_name(read), uid_from("slice", str(read.slice.image))),
            common=common,
        )
        for read in context.positive_slices
    ]


def _demonstration(context: Context) -> str:
    return f" ({DEMONSTRATION_MODEL})" if context.result_header.algorithm.demonstration else ""


def _name(read: ReadSlice) -> str:
    return slice_name(read.slice, read.number)


def _lesions_on(context: Context, read: ReadSlice) -> str:
    numbers = list(dict.fromkeys(str(lesion.number) for lesion, _ in context.marks_on(read)))
    if not numbers:
        return ""
    return f": {'lesion' if len(numbers) == 1 else 'lesions'} {', '.join(numbers)}"


def _lesion_groups(context: Context, common: Sequence[Dataset]) -> list[Dataset]:
    of_marks = common_items(context.result_header.algorithm, of_a_mark=True)
    return [
        group
        for lesion in context.lesions
        for group in (
            _lesion_group(context, lesion, common),
            *(_mark_group(context, lesion, index, of_marks) for index in range(len(lesion.marks))),
        )
    ]


def _lesion_group(context: Context, lesion: Lesion, common: Sequence[Dataset]) -> Dataset:
    peak = point(
        codes.SOURCE,
        column_row(lesion.peak),
        source=context.slice_of(lesion.peak).header,
        relationship="INFERRED FROM",
    )
    reads = {read.number: read for read in map(context.slice_of, lesion.marks)}
    return measurement_group(
        comment(f"Hemorrhage present, lesion {lesion.number}"),
        _certainty(lesion.certainty, peak),
        *([_height(lesion)] if lesion.extent_mm > 0 else []),
        presence(codes.PRESENT),
        *(image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS") for read in reads.values()),
        template="1501",
        tracking=(f"lesion {lesion.number}", context.tracking_uid(lesion)),
        common=common,
    )


def _mark_group(context: Context, lesion: Lesion, index: int, common: Sequence[Dataset]) -> Dataset:
    mark = lesion.marks[index]
    read = context.slice_of(mark)
    name = f"lesion {lesion.number}, {_name(read)}"
    lesion_uid = context.tracking_uid(lesion)
    return measurement_group(
        comment(f"Hemorrhage present, {name}"),
        *([] if mark is lesion.peak else [_certainty(mark.finding.probability)]),
        presence(codes.PRESENT),
        point(codes.IMAGE_REGION, column_row(mark), source=read.header, relationship="CONTAINS"),
        template="1410",
        tracking=(name, uid_from("mark", str(lesion_uid), str(read.slice.image), str(index))),
        common=common,
    )


def _likeliest(context: Context) -> ReadSlice:
    """The slice with the highest probability, which is that of the series. If several have it, the
    one with the peak of the first lesion.
    """
    peak_of_all = context.lesions[0].peak.slice.image if context.lesions else None
    return max(
        context.slices,
        key=lambda read: (read.reading.probability, read.slice.image == peak_of_all),
    )


def _inferred_from(read: ReadSlice, *, line: int = 0) -> Dataset:
    """The image as a whole, from which the probability of a slice was computed."""
    return margin_line(codes.SOURCE, read.header, "INFERRED FROM", line=line)


def _certainty(probability: float, *children: Dataset) -> Dataset:
    return number(
        codes.CERTAINTY_OF_FINDING,
        percent(probability),
        *children,
        unit=codes.PERCENT,
        relationship="CONTAINS",
    )


def number_of_frames(count: int, shown: Dataset) -> Dataset:
    """How many images an answer rests on that is not Present, with one of them to show. The
    score of such an answer is in words: as a certainty it would say the opposite.
    """
    return number(
        codes.NUMBER_OF_FRAMES,
        count,
        margin_line(codes.SOURCE, shown, "INFERRED FROM"),
        unit=codes.FRAMES,
        relationship="CONTAINS",
    )


def _height(lesion: Lesion) -> Dataset:
    return number(
        codes.HEIGHT,
        round(lesion.extent_mm, 1),
        unit=codes.MILLIMETRE,
        relationship="CONTAINS",
    )
