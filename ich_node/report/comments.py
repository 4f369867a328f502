"""The comments of the SR: the answer in sentences, without UIDs and data of the patient."""

from collections import Counter
from collections.abc import Iterator

from ich_node.detection.lesions import Lesion
from ich_node.report.context import MAX_MARKS_PER_SLICE, Context
from ich_node.report.measurement_groups import certainty_percent, column_row


def comments(context: Context) -> list[str]:
    """The answer, each lesion, and what a reader should know about what was not read or listed."""
    return [
        _answer(context),
        *(_lesion(context, lesion) for lesion in context.lesions),
        *_limits(context),
    ]


def _answer(context: Context) -> str:
    reading = context.reading
    verdict = "present" if reading.positive else "absent"
    return (
        f"Intracranial hemorrhage {verdict} at threshold {100 * reading.threshold:.1f} %: "
        f"{len(context.positive_slices)} of {len(context.slices)} slices positive."
    )


def _lesion(context: Context, lesion: Lesion) -> str:
    """Certainty, extent, and the place of the peak."""
    numbers = [context.slice_of(mark).number for mark in lesion.marks]
    first, last = min(numbers), max(numbers)
    slices = f"slice {first}" if first == last else f"slices {first} to {last}"
    column, row = column_row(lesion.peak)
    x, y, z = lesion.peak.patient_mm
    return (
        f"Lesion {lesion.number}: certainty {certainty_percent(lesion.certainty):.1f} %, "
        f"{slices} of {len(context.slices)}, {lesion.extent_mm:.1f} mm high; "
        f"peak on slice {numbers[0]} at column {column:g}, row {row:g} "
        f"(x {x:.1f}, y {y:.1f}, z {z:.1f} mm)."
    )


def _limits(context: Context) -> Iterator[str]:
    reading = context.reading
    reasons = Counter(left_out.reason for left_out in reading.left_out)
    if reasons:
        counts = "; ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
        yield f"Objects of the series that were not read: {counts}."
    if reading.metal_slices:
        yield (
            f"{reading.metal_slices} slices that show brain show metal too: "
            "its streaks may look like blood."
        )
    if context.unlisted_marks:
        yield (
            f"{context.unlisted_marks} marks are not listed: more than {MAX_MARKS_PER_SLICE} on a "
            "slice, or outside of the image."
        )
