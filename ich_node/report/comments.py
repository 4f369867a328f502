"""The answer in sentences: the verdict, which stands first in the SR, and its comments. Without
UIDs and data of the patient.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from ich_node.answer import Answer
from ich_node.detection.lesions import Lesion
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.percent import percent_text
from ich_node.report.context import MAX_MARKS_PER_SLICE, Context, ReadSlice
from ich_node.report.measurement_groups import column_row, scores
from ich_node.report.result_header import Algorithm
from ich_node.report.slice_name import position_words, slice_name, slice_place, slices_name
from ich_node.series.series import LeftOut, Missing

MOST_RANGES = 4
MOST_NAMED = 3
# Said by the verdict itself.
SAID_BEFORE = "demonstration_model"


def verdict(context: Context) -> str:
    """The answer in one line, with what it rests on."""
    reading = context.reading
    total = len(context.slices)
    match reading.answer:
        case Answer.PRESENT:
            count = len(context.positive_slices)
            rest = f"{count} of {total} slices positive ({slice_ranges(context.positive_slices)})"
        case Answer.UNDETERMINED:
            rest = (
                f"none was found in the {total} slices that were read, but a part of the head was "
                f"not read ({first_missing(reading.missing)})"
            )
        case _:
            rest = f"the whole head was read, {total} slices"
    return verdict_line(
        reading.answer, f"{rest}; {scores(reading)}", context.result_header.algorithm
    )


def verdict_line(answer: Answer, rest: str, algorithm: Algorithm) -> str:
    """'Intracranial hemorrhage: PRESENT. ...', with the demonstration model if one answered."""
    words = answer.name.replace("_", " ")
    demonstration = f" ({DEMONSTRATION_MODEL})" if algorithm.demonstration else ""
    return f"Intracranial hemorrhage: {words}{demonstration}. {rest[0].upper()}{rest[1:]}."


def first_missing(missing: Sequence[Missing]) -> str:
    """The first part that was not read, and how many more."""
    more = len(missing) - 1
    return missing[0].detail + (
        f"; and {more} more {'part' if more == 1 else 'parts'}" if more else ""
    )


def comments(context: Context) -> list[str]:
    """What was read, each lesion, and what a reader must know about what was not read or listed."""
    return [
        *context.result_header.source.sentences(),
        *(_lesion(context, lesion) for lesion in context.lesions),
        *_limits(context),
    ]


def _lesion(context: Context, lesion: Lesion) -> str:
    """Certainty, extent, and the place of the peak."""
    reads = list({read.number: read for read in map(context.slice_of, lesion.marks)}.values())
    peak = context.slice_of(lesion.peak)
    column, row = column_row(lesion.peak)
    x, y, z = lesion.peak.patient_mm
    return (
        f"Lesion {lesion.number}: certainty {percent_text(lesion.certainty)}, {_span(reads)}, "
        f"{lesion.extent_mm:.1f} mm high; peak on {slice_place(peak.slice, peak.number)} at "
        f"column {column:g}, row {row:g} (x {x:.1f}, y {y:.1f}, z {z:.1f} mm)."
    )


def _span(reads: Sequence[ReadSlice]) -> str:
    return slices_name([read.slice for read in reads], [read.number for read in reads])


def slice_ranges(reads: Sequence[ReadSlice]) -> str:
    """Neighbours together: 'images 12 to 14, image 20'."""
    runs = [
        [read for _, read in run]
        for _, run in groupby(
            enumerate(reads), lambda pair: (pair[1].slice.stack, pair[1].number - pair[0])
        )
    ]
    more = [f"and {len(runs) - MOST_RANGES} more places"] if len(runs) > MOST_RANGES else []
    return ", ".join([*map(_span, runs[:MOST_RANGES]), *more])


def _limits(context: Context) -> Iterator[str]:
    reading = context.reading
    for part in reading.missing:
        yield f"NOT READ: {part.detail}{_where(part)}."
    for warning in reading.warnings:
        if warning.kind != SAID_BEFORE:
            yield f"Warning: {warning.detail}."
    if reading.left_out:
        yield left_out_words(reading.left_out)
    if context.unlisted_marks:
        yield (
            f"{context.unlisted_marks} marks are not listed: more than {MAX_MARKS_PER_SLICE} on a "
            "slice, or outside of the image."
        )


def left_out_words(left_out: Sequence[LeftOut]) -> str:
    """Counted by kind, a few of each named."""
    counts = Counter(item.kind for item in left_out)
    parts = []
    for kind, count in sorted(counts.items()):
        named = [
            slice_name(item)
            for item in left_out
            if item.kind == kind and item.instance_number is not None
        ]
        more = ", ..." if len(named) > MOST_NAMED else ""
        names = f" ({', '.join(named[:MOST_NAMED])}{more})" if named else ""
        parts.append(f"{count} x {kind.replace('_', ' ')}{names}")
    return f"Objects of the series that were not read: {'; '.join(parts)}."


def _where(part: Missing) -> str:
    """The place of an object that could not be read; other parts name the slices beside them."""
    if part.from_mm is None or part.from_mm != part.to_mm:
        return ""
    return f", at {position_words(part.from_mm)}"
