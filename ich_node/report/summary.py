"""The summary page of a series: what is written on it (page.py draws it)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ich_node.answer import Answer
from ich_node.dicom.identity import PRODUCT, RESEARCH_USE_LABEL
from ich_node.errors import Refusal
from ich_node.percent import percent_text, rounded_beside
from ich_node.report.context import Context, ReadSlice
from ich_node.report.page import Page, Tile
from ich_node.report.result_header import Algorithm
from ich_node.report.slice_name import position_words, slice_name, slices_name
from ich_node.report.source_words import SourceWords
from ich_node.report.strip import Bar, Strip
from ich_node.series.series import Missing, Slice

MOST_PAIRS = 6
MOST_PLAIN = 8
MOST_LESIONS = 5
MOST_LARGE = 3
LONGEST_NAME = 22  # of a model
LONGEST_KERNEL = 16  # Convolution Kernel has VR SH
HEADLINES = {
    Answer.PRESENT: "Hemorrhage PRESENT",
    Answer.ABSENT: "Hemorrhage ABSENT",
    Answer.UNDETERMINED: "UNDETERMINED",
    Answer.NOT_ANALYSED: "NOT ANALYSED",
}
# The words of a warning may quote the header; the page has words of its own.
WARNINGS = {
    "metal": "metal beside the brain: its streaks may look like blood",
    "contrast_suspected": "contrast agent suspected: bright vessels may look like blood",
    "several_stacks": "several acquisitions: all were read, the answer is their maximum",
    "gap": "a single slice seems to be missing",
    "body_part": "the header names another body part; the pixels show a head",
}
ON_ITS_OWN_BAND = "demonstration_model"

LikelihoodOf = Callable[[ReadSlice], NDArray[np.float32]]


def summary_page(context: Context, likelihood_of: LikelihoodOf) -> Page:
    """Of a series that was read. Bars, count, lesions and slices in colour follow one rule: the
    threshold.
    """
    reading = context.reading
    return Page(
        answer=reading.answer,
        headline=headline(context),
        demonstration=context.result_header.algorithm.demonstration,
        large=large_lines(context),
        warnings=warning_lines(context),
        facts=fact_lines(context),
        lesions=lesion_rows(context),
        strip=_strip(context),
        tiles=_tiles(context, likelihood_of),
        last_line=_last_line(context.result_header.algorithm),
    )


def refusal_page(reason: str, *, source: SourceWords, algorithm: Algorithm, objects: int) -> Page:
    """Of a series that was not analysed. The sentence is that of the reason: the one of this
    refusal may quote the header.
    """
    return Page(
        answer=Answer.NOT_ANALYSED,
        headline=HEADLINES[Answer.NOT_ANALYSED],
        demonstration=algorithm.demonstration,
        large=(*_sentence(reason), "Whether there is hemorrhage is not known."),
        facts=(
            f"reason {reason}: the report says more",
            f"{objects} {'object' if objects == 1 else 'objects'} received",
            *_source_lines(source),
            _model_words(algorithm),
        ),
        last_line=_last_line(algorithm),
    )


def choose_tiles(context: Context) -> list[ReadSlice]:
    """At most MOST_PAIRS slices at or above the threshold, in the order of the series. Those with
    the peak of a lesion are chosen first, then the most probable ones.
    """
    peaks = {lesion.peak.slice.image: -lesion.number for lesion in reversed(context.lesions)}
    order = sorted(
        context.shown_slices,
        key=lambda read: (
            -peaks.get(read.slice.image, -len(context.slices)),
            -read.reading.probability,
            read.number,
        ),
    )
    return sorted(order[:MOST_PAIRS], key=lambda read: read.number)


def headline(context: Context) -> str:
    """The first line. A score stands beside "present" alone: beside "absent" it says the
    opposite.
    """
    words = HEADLINES[context.reading.answer]
    score = percent_text(context.reading.series_probability)
    return f"{words}   {score}" if context.reading.answer is Answer.PRESENT else words


def large_lines(context: Context) -> tuple[str, ...]:
    """What of the head was not read."""
    missing = context.reading.missing
    if not missing:
        return ()
    words = [_missing_words(each) for each in missing[:MOST_LARGE]]
    count = len(missing) - MOST_LARGE
    more = [f"and {count} more: see the report"] if count > 0 else []
    return ("NOT THE WHOLE HEAD WAS READ", *words, *more)


def warning_lines(context: Context) -> tuple[str, ...]:
    reading = context.reading
    lines = []
    for kind in dict.fromkeys(warning.kind for warning in reading.warnings):
        if kind != ON_ITS_OWN_BAND:
            lines.append(WARNINGS.get(kind, f"{kind.replace('_', ' ')}: see the report"))
    return tuple(lines)


def fact_lines(context: Context) -> tuple[str, ...]:
    """Facts of the series and the model, nothing of the patient."""
    left_out = len(context.reading.left_out)
    threshold = percent_text(context.reading.threshold)
    positive, total = len(context.positive_slices), len(context.slices)
    return (
        f"{positive} of {total} slices at or above {threshold}"
        if positive
        else f"{total} slices, all below {threshold}",
        _coverage_words([read.slice for read in context.slices]),
        *_source_lines(context.result_header.source),
        _model_words(context.result_header.algorithm),
        *([f"{left_out} {'object' if left_out == 1 else 'objects'} not read"] if left_out else []),
    )


def lesion_rows(context: Context) -> tuple[tuple[str, ...], ...]:
    """The heads, and a row for each of the first MOST_LESIONS lesions; none if there is none."""
    if not context.reading.positive:
        return ()
    heads = ("lesion", "score", "images", "height")
    if not context.lesions:
        return (heads, ("", "no place can be pointed at", "", ""))
    rows = []
    for lesion in context.lesions[:MOST_LESIONS]:
        marked = [context.slice_of(mark) for mark in lesion.marks]
        names = slices_name([read.slice for read in marked], [read.number for read in marked])
        rows.append(
            (
                str(lesion.number),
                percent_text(lesion.certainty),
                names.partition(" ")[2].replace(" to ", "-"),
                f"{lesion.extent_mm:.0f} mm",
            )
        )
    more = len(context.lesions) - MOST_LESIONS
    return (heads, *rows, *([("", f"and {more} more: see the report", "", "")] if more > 0 else []))


def _tiles(context: Context, likelihood_of: LikelihoodOf) -> tuple[Tile, ...]:
    """The slices at or above the threshold; if there are none, plain ones from base to vertex."""
    chosen = choose_tiles(context)
    if not chosen:
        count = min(MOST_PLAIN, len(context.slices))
        places = np.unique(np.linspace(0, len(context.slices) - 1, count).round().astype(int))
        return tuple(_plain_tile(context.slices[place]) for place in places)
    contours = {read.number: each.contour for read, each in context.mapped_slices}
    return tuple(
        _coloured_tile(context, read, likelihood_of(read), contours[read.number]) for read in chosen
    )


def _coloured_tile(
    context: Context, read: ReadSlice, likelihood_YX: NDArray[np.float32], contour: float
) -> Tile:
    return replace(
        _plain_tile(read),
        score=percent_text(read.reading.probability),
        likelihood_YX=likelihood_YX,
        contour=contour,
        lesions=context.lesions,
    )


def _plain_tile(read: ReadSlice) -> Tile:
    slice_ = read.slice
    numbers = (slice_.frame_number, slice_.instance_number, read.number)
    return Tile(
        slice=slice_,
        name=slice_name(slice_, read.number),
        short_name=str(next(number for number in numbers if number is not None)),
        place=position_words(slice_.position_mm),
    )


def _strip(context: Context) -> Strip:
    threshold = context.reading.threshold
    first, last = context.slices[0], context.slices[-1]
    return Strip(
        bars=tuple(
            Bar(
                stack=read.slice.stack,
                position_mm=read.slice.position_mm,
                probability=rounded_beside(read.reading.probability, threshold),
            )
            for read in context.slices
        ),
        threshold=threshold,
        first=slice_name(first.slice, first.number),
        last=slice_name(last.slice, last.number),
        holes_mm=tuple(
            (each.from_mm, each.to_mm)
            for each in context.reading.missing
            if each.from_mm is not None and each.to_mm is not None and each.from_mm < each.to_mm
        ),
    )


def _missing_words(missing: Missing) -> str:
    """The words of `detail` may quote the header."""
    numbers = [str(number) for number in missing.instance_numbers]
    match missing.part:
        case "base":
            return "the skull base is not in the series"
        case "vertex":
            return "the vertex is not in the series"
        case "transfer":
            return "the sender broke off: slices may not have arrived"
        case "unread":
            return (
                f"image {', '.join(numbers)} could not be read"
                if numbers
                else ("an image could not be read")
            )
        case "hole":
            between = f" between images {' and '.join(numbers)}" if len(numbers) == 2 else ""
            length = (
                f"{missing.to_mm - missing.from_mm:.0f} mm"
                if missing.from_mm is not None and missing.to_mm is not None
                else "a part"
            )
            return f"{length} without slices{between}"


def _coverage_words(slices: Sequence[Slice]) -> str:
    positions_mm = [slice_.position_mm for slice_ in slices if slice_.stack == slices[0].stack]
    if len(positions_mm) < 2:
        return "one slice"
    step_mm = np.median(np.diff(positions_mm))
    height_mm = max(each.position_mm for each in slices) - min(each.position_mm for each in slices)
    return f"{height_mm:.0f} mm, slices every {step_mm:.1f} mm"


def _source_lines(source: SourceWords) -> list[str]:
    """Number, thickness and kernel of the series, and what this result replaces. No description: it
    may say anything.
    """
    kernel = "".join(letter for letter in source.kernel if letter.isascii())[:LONGEST_KERNEL]
    known = [
        *([f"source series {source.number}"] if source.number else []),
        *([f"{source.thickness_mm:g} mm"] if source.thickness_mm is not None else []),
        *([kernel] if kernel else []),
    ]
    of = f" of {source.replaced_at:%H:%M}" if source.replaced_at else ""
    return [
        *([", ".join(known)] if known else []),
        *([f"revision {source.revision}: replaces the result{of}"] if source.replaces else []),
    ]


def _sentence(reason: str) -> list[str]:
    """The general sentence of a refusal with this reason; none of a failure."""
    kinds = [Refusal]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind().detail for kind in kinds if kind.reason == reason][:1]


def _model_words(algorithm: Algorithm) -> str:
    name = algorithm.bundle_name
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}\u2026"
    return f"model {short} {algorithm.bundle_sha256[:6]}"


def _last_line(algorithm: Algorithm) -> str:
    return f"{PRODUCT} {algorithm.version}  {RESEARCH_USE_LABEL}"
