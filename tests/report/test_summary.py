"""The page that a reader sees first."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ich_node.answer import Answer
from ich_node.errors import ContrastEnhanced
from ich_node.report import Predecessor, RefusedSeries, ReportOptions, write_refusal_page
from ich_node.report.context import to_context
from ich_node.report.drawing import blend, grey
from ich_node.report.page import Page, render_page
from ich_node.report.source_words import SourceWords
from ich_node.report.strip import ABOVE, BELOW, UNREAD, Bar, Strip, draw_strip
from ich_node.report.summary import choose_tiles, refusal_page, summary_page
from ich_node.series.series import Missing, SeriesWarning
from tests.support.report.report_examples import (
    ALGORITHM,
    AT,
    finding,
    likelihood_of,
    make_source,
    negative_reading,
    of_kind,
    positive_reading,
    read_by_hand,
    report,
)

EVERY_ANSWER = ReportOptions(summary=("present", "absent", "undetermined", "not_analysed"))


def context_of(source, reading, algorithm=ALGORITHM):
    return to_context(source, reading=reading, algorithm=algorithm, options=ReportOptions(), at=AT)


def page_of(source, reading, algorithm=ALGORITHM) -> Page:
    context = context_of(source, reading, algorithm)
    on_slice = likelihood_of(reading)
    maps = {read.number: (map_, read.slice) for read, map_ in context.mapped_slices}
    return summary_page(context, lambda read: on_slice(*maps[read.number]))


def page(source, reading):
    return render_page(page_of(source, reading))


def undetermined_reading(source, *missing: Missing):
    return replace(negative_reading(source), missing=missing)


HOLE = Missing(
    part="hole",
    detail="no slice between image 3 and image 4",
    from_mm=10.0,
    to_mm=40.0,
    slices=5,
    instance_numbers=(3, 4),
)


def test_the_summary_is_a_series_of_its_own(positive):
    """One page, instance 1; it names every slice over the threshold and claims no place."""
    (summary,), overlays = of_kind(positive, "summary"), of_kind(positive, "overlay")
    assert summary.SeriesInstanceUID not in {dataset.SeriesInstanceUID for dataset in overlays}
    assert (summary.SeriesNumber, summary.InstanceNumber) == (9003, 1)
    assert {dataset.SeriesNumber for dataset in overlays} == {9002}
    assert summary.SeriesDescription == "ICH AI summary (research use only)"
    assert len(summary.SourceImageSequence) == 3
    assert "ImagePositionPatient" not in summary
    assert "PixelSpacing" not in summary
    assert summary.BurnedInAnnotation == "NO"
    assert summary.ImageType == ["DERIVED", "SECONDARY", "AXIAL", "ICH_SUMMARY"]


def test_each_answer_gets_a_page_if_it_is_wanted():
    """By default the positive and the undetermined."""
    source = make_source(6)
    for reading, by_default in (
        (positive_reading(source), 1),
        (negative_reading(source), 0),
        (undetermined_reading(source, HOLE), 1),
    ):
        assert len(of_kind(report(source, reading), "summary")) == by_default
        assert len(of_kind(report(source, reading, options=EVERY_ANSWER), "summary")) == 1
        unwanted = report(source, reading, options=ReportOptions(summary=()))
        assert of_kind(unwanted, "summary") == []
    assert of_kind(report(source, undetermined_reading(source, HOLE)), "overlay") == []


def test_a_refused_series_has_a_page_from_its_headers():
    """Only if it is wanted; the reason in large letters, no text of the source."""
    source = make_source(6)
    unread = RefusedSeries(
        study_instance_uid=source.series.study_instance_uid,
        series_instance_uid=source.series.series_instance_uid,
        datasets=source.datasets,
        digest=source.digest,
        revision=1,
    )
    refusal = ContrastEnhanced("SeriesDescription 'Meyer, Hans CTA' says so")
    facts = {
        "reason": refusal.reason,
        "detail": refusal.detail,
        "algorithm": ALGORITHM,
        "at": AT,
    }
    assert write_refusal_page(unread, options=ReportOptions(), **facts) is None
    made = write_refusal_page(unread, options=EVERY_ANSWER, **facts)
    assert (made.kind, made.dataset.SeriesNumber) == ("summary", 9003)
    assert made.dataset.pixel_array.shape == (1024, 1024, 3)
    words = SourceWords(number="4", description="Meyer, Hans")
    said = refusal_page(refusal.reason, source=words, algorithm=ALGORITHM, objects=6)
    assert said.answer is Answer.NOT_ANALYSED
    assert said.large[0] == "The series was acquired with contrast agent."
    assert "Meyer" not in repr(said)


def test_the_words_of_a_positive_page():
    """The answer, the series, the model, the lesions; no patient."""
    source = make_source(6)
    said = page_of(source, positive_reading(source))
    assert said.headline == "Hemorrhage PRESENT   97.4 %"
    assert said.facts[:2] == ("3 of 6 slices at or above 75 %", "25 mm, slices every 5.0 mm")
    assert said.facts[-2:] == ("model test ababab", "1 object not read")
    assert said.lesions == (
        ("lesion", "score", "images", "height"),
        ("1", "97 %", "3-4", "10 mm"),
        ("2", "55 %", "4", "5 mm"),
    )
    assert (said.large, said.warnings, said.demonstration) == ((), (), False)


def test_bars_count_lesions_and_slices_in_colour_follow_the_threshold():
    """A mark on a slice below it is none."""
    source = make_source(6)
    marks = {index: (finding(200, 200, 0.74 + 0.01 * index),) for index in range(6)}
    reading = read_by_hand(source, [0.1, 0.74, 0.75, 0.8, 0.749, 0.1], marks)
    said = page_of(source, reading)
    assert said.facts[0].startswith("2 of 6 slices")
    assert sum(bar.probability >= said.strip.threshold for bar in said.strip.bars) == 2
    assert [tile.name for tile in said.tiles] == ["image 3", "image 4"]
    assert said.lesions[1][2] == "3-4"


def test_an_absent_page_has_no_score_beside_the_answer():
    """Plain slices from base to vertex, none in colour."""
    source = make_source(20)
    said = page_of(source, negative_reading(source))
    assert said.headline == "Hemorrhage ABSENT"
    assert said.facts[0] == "20 slices, all below 75 %"
    assert said.lesions == ()
    assert [tile.likelihood_YX for tile in said.tiles] == [None] * 8
    assert (said.tiles[0].name, said.tiles[-1].name) == ("image 1", "image 20")


def test_an_undetermined_page_says_what_is_missing_in_large_letters():
    """Where, in mm and Instance Numbers, and as a hole in the strip; the same beside a positive
    answer.
    """
    source = make_source(6)
    said = page_of(source, undetermined_reading(source, HOLE))
    assert (said.answer, said.headline) == (Answer.UNDETERMINED, "UNDETERMINED")
    assert said.large == (
        "NOT THE WHOLE HEAD WAS READ",
        "30 mm without slices between images 3 and 4",
    )
    assert said.strip.holes_mm == ((10.0, 40.0),)
    found = page_of(source, replace(positive_reading(source), missing=(HOLE,)))
    assert (found.answer, found.large) == (Answer.PRESENT, said.large)


def test_every_warning_is_on_the_page():
    """Metal, contrast, the demonstration model, and any other kind by its name; none quotes a
    header.
    """
    source = make_source(6)
    quote = "SeriesDescription 'Meyer, Hans' says so"
    reading = replace(
        positive_reading(source),
        warnings=tuple(
            SeriesWarning(kind=kind, detail=quote)
            for kind in ("demonstration_model", "metal", "contrast_suspected", "young_age")
        ),
    )
    said = page_of(source, reading, replace(ALGORITHM, demonstration=True))
    assert said.demonstration
    assert said.warnings == (
        "metal beside the brain: its streaks may look like blood",
        "contrast agent suspected: bright vessels may look like blood",
        "young age: see the report",
    )
    assert "Meyer" not in repr(said)


def test_a_page_that_replaces_another_says_so():
    source = make_source(6)
    earlier = Predecessor(
        series_instance_uid="1.2.3",
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3.4",
        at=AT.replace(hour=17, minute=59),
    )
    said = page_of(replace(source, predecessor=earlier, revision=2), positive_reading(source))
    assert "revision 2: replaces the result of 17:59" in said.facts


def test_the_source_is_named_by_numbers():
    """Series number, thickness and kernel; all parts of a kernel."""
    source = make_source(
        6,
        change=lambda dataset: dataset.update(
            {"SeriesNumber": 4, "SliceThickness": "5.0", "ConvolutionKernel": ["H31s", "3"]}
        ),
    )
    assert "source series 4, 5 mm, H31s" in page_of(source, positive_reading(source)).facts


def test_the_montage_shows_the_peak_of_every_lesion_first():
    """Six slices at most: peaks before other probable slices, in the order of the series."""
    source = make_source(20)
    probabilities = [0.1, *[0.99] * 12, *[0.8] * 6, 0.1]
    reading = read_by_hand(
        source, probabilities, {15: (finding(200, 200, 0.8),), 18: (finding(300, 300, 0.7),)}
    )
    numbers = [read.number for read in choose_tiles(context_of(source, reading))]
    assert numbers == [2, 3, 4, 5, 16, 19]


@pytest.mark.parametrize(
    ("count", "shape"),
    [
        *((count, (128, 128)) for count in (1, 2, 3, 5, 8, 30)),
        *((count, shape) for count in (1, 8) for shape in ((512, 512), (256, 512))),
    ],
)
def test_any_number_of_slices_fits_the_page(count, shape):
    """Of any matrix, also with no mark at all."""
    source = make_source(count, rows=shape[0], columns=shape[1])
    rgb_YXC = page(source, read_by_hand(source, [0.9] * count, {}))
    assert rgb_YXC.shape == (1024, 1024, 3)
    assert rgb_YXC[610:960].max() == 255


def test_the_strip_is_as_high_as_the_probabilities():
    """Feet at the left, a bar for each slice; those over the threshold have another colour, and a
    hole is red where it is.
    """
    picture = Image.new("RGB", (1024, 200))
    bars = tuple(
        Bar(stack=0, position_mm=5.0 * index + 50 * (index > 4), probability=0.05 + 0.1 * index)
        for index in range(10)
    )
    strip = Strip(bars=bars, threshold=0.75, first="image 1", last="image 10", holes_mm=((20, 75),))
    box = (28, 10, 996, 110)
    draw_strip(ImageDraw.Draw(picture), strip, box=box, size_px=26)
    rgb_YXC = np.asarray(picture).astype(int)
    row_XC = rgb_YXC[108, 124:996]
    a_mm = (996 - 124) / 100
    assert tuple(row_XC[round(47.5 * a_mm)]) == UNREAD
    heights, colours = [], []
    for bar in bars:
        column = 124 + round((bar.position_mm + 2.0) * a_mm)
        colours.append(tuple(rgb_YXC[108, column]))
        heights.append(sum(tuple(pixel) == colours[-1] for pixel in rgb_YXC[10:111, column]))
    assert colours == [BELOW] * 7 + [ABOVE] * 3
    assert heights == pytest.approx([100 * bar.probability for bar in bars], abs=4)


def test_a_series_of_one_slice_and_a_head_that_is_not_there_have_a_page():
    """A lone slice of air."""
    source = make_source(1)
    air = replace(source.series.slices[0], hu_YX=np.full((512, 512), -1000, np.int16))
    source = replace(source, series=replace(source.series, slices=(air,)))
    assert page(source, read_by_hand(source, [0.9], {})).shape == (1024, 1024, 3)


def test_a_picture_without_likelihood_is_the_slice():
    """No colour, no contour."""
    source = make_source(1)
    slice_ = source.series.slices[0]
    plain_YXC = blend(grey(slice_), np.zeros((512, 512), np.float32), 0.5)
    assert np.ptp(plain_YXC, axis=-1).max() == 0
