"""The page that a reader sees first."""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.report import ReportOptions
from ich_node.report.context import to_context
from ich_node.report.drawing import blend, grey
from ich_node.report.summary import (
    Tile,
    answer_line,
    choose_tiles,
    fact_lines,
    lesion_lines,
    render_summary,
)
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


def context_of(source, reading):
    return to_context(source, reading=reading, algorithm=ALGORITHM, options=ReportOptions(), at=AT)


def page(source, reading):
    context = context_of(source, reading)
    on_slice = likelihood_of(reading)
    maps = {read.number: on_slice(map_, read.slice) for read, map_ in context.mapped_slices}
    return render_summary(
        context,
        [Tile(read=read, likelihood_YX=maps[read.number]) for read in choose_tiles(context)],
    )


def test_the_summary_is_the_first_of_the_overlay_series(positive):
    """One page, instance 1, of the series of the overlays; it names every positive slice and claims
    no place.
    """
    (summary,), overlays = of_kind(positive, "summary"), of_kind(positive, "overlay")
    assert {summary.SeriesInstanceUID} == {dataset.SeriesInstanceUID for dataset in overlays}
    numbers = [dataset.InstanceNumber for dataset in (summary, *overlays)]
    assert numbers == sorted(numbers)
    assert numbers[0] == 1
    assert len(summary.SourceImageSequence) == 3
    assert "ImagePositionPatient" not in summary
    assert "PixelSpacing" not in summary
    assert summary.ImageType == ["DERIVED", "SECONDARY", "AXIAL", "ICH_SUMMARY"]


def test_no_summary_of_a_negative_reading_or_if_it_is_not_wanted():
    """The SR says it all."""
    source = make_source(6)
    assert of_kind(report(source, negative_reading(source)), "summary") == []
    unwanted = report(source, positive_reading(source), options=ReportOptions(summary=False))
    assert of_kind(unwanted, "summary") == []
    assert len(of_kind(unwanted, "overlay")) == 3


def test_the_words_of_the_page():
    """The answer, the series, the model, the lesions; no patient."""
    source = make_source(6)
    context = context_of(source, positive_reading(source))
    assert answer_line(context) == "Hemorrhage PRESENT   97 %"
    assert fact_lines(context) == [
        "3 of 6 slices positive",
        "25 mm, slices every 5.0 mm",
        "threshold 75 %",
        "model test",
        "sha256 abababababab",
        "1 object not read",
    ]
    assert lesion_lines(context) == [("1", "97 %", "3-4", "10 mm"), ("2", "55 %", "4", "5 mm")]


def test_the_montage_shows_the_peak_of_every_lesion_first():
    """Eight tiles at most: peaks before other probable slices, in the order of the series."""
    source = make_source(20)
    probabilities = [0.1, *[0.99] * 12, *[0.8] * 6, 0.1]
    reading = read_by_hand(
        source, probabilities, {15: (finding(200, 200, 0.8),), 18: (finding(300, 300, 0.7),)}
    )
    numbers = [read.number for read in choose_tiles(context_of(source, reading))]
    assert numbers == [2, 3, 4, 5, 6, 7, 16, 19]


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
    assert rgb_YXC[510:960].max() == 255


def test_the_strip_is_as_high_as_the_probabilities():
    """Feet at the left, a bar for each slice; those over the threshold have another colour."""
    source = make_source(10)
    rgb_YXC = page(
        source, read_by_hand(source, [0.05 + 0.1 * index for index in range(10)], {})
    ).astype(int)
    orange_YX = (rgb_YXC[..., 0] > 200) & (rgb_YXC[..., 2] < 80)
    columns = np.flatnonzero(orange_YX[440])
    assert columns.min() > 102 + 0.69 * 894
    heights = [
        (rgb_YXC[352:447, round(102 + (index + 0.3) * 89.4)].sum(axis=-1) > 150).sum()
        for index in range(10)
    ]
    assert heights == sorted(heights)
    assert heights[9] == pytest.approx(0.95 * 94, abs=3)


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
    plain_YXC = blend(grey(slice_), np.zeros((512, 512), np.float32))
    assert np.ptp(plain_YXC, axis=-1).max() == 0
