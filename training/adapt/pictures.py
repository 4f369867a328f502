"""Pictures of an adaptation: the left-out studies that look most positive, with the marks before
and after, and how far the probabilities can be believed.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ich_node.detection.network_input import SUBDURAL
from ich_node.detection.reading import Reading, SliceReading
from ich_node.series.series import Series
from training.adapt.reliability import Bin, calibration_error
from training.adapt.studies import Study
from training.datasets import load

DPI = 110
MOST = 6
COLUMNS = 3
MARKS = (("before", "x", "red"), ("after", "o", "cyan"))

Twice = tuple[Study, Reading, Reading]  # before, after


def draw_left_out(left_out: Sequence[Twice], path: Path) -> None:
    """Of the studies that are highest before or after: the slice that was highest then."""
    shown = sorted(
        left_out,
        key=lambda each: max(each[1].series_probability, each[2].series_probability),
        reverse=True,
    )[:MOST]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 3.3 * rows), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (study, before, after) in zip(axes, shown, strict=False):
        _draw(axis, load(study.labelled), before, after)
    figure.suptitle(
        "left-out studies without bleeding; marks before: red x, after: cyan o", fontsize=9
    )
    figure.savefig(path)


def draw_calibration(before: Sequence[Bin], after: Sequence[Bin], path: Path) -> None:
    """The share of slices that bleed against their probability; the diagonal is perfect."""
    figure = Figure(figsize=(4.5, 4), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, bins in (("before", before), ("after", after)):
        axis.plot(
            [each.predicted for each in bins],
            [each.bleeding for each in bins],
            ".-",
            label=f"{name}, mean error {calibration_error(bins):.2f}",
        )
    axis.set(xlabel="probability of the slice", ylabel="share that bleeds", xlim=(0, 1))
    axis.legend(fontsize=8)
    figure.savefig(path)


def _draw(axis: Axes, series: Series, before: Reading, after: Reading) -> None:
    higher = max((before, after), key=lambda reading: reading.series_probability)
    highest = max(higher.slices, key=lambda read: (read.probability, len(read.findings)))
    slice_ = next(each for each in series.slices if each.image == highest.image)
    axis.imshow(slice_.hu_YX, cmap="gray", vmin=SUBDURAL.lower_hu, vmax=SUBDURAL.upper_hu)
    for reading, (_, marker, colour) in zip((before, after), MARKS, strict=True):
        read = _same(reading, highest)
        if read.probability >= reading.threshold:
            axis.scatter(
                [finding.column for finding in read.findings],
                [finding.row for finding in read.findings],
                marker=marker,
                s=40,
                linewidths=1,
                facecolors=colour if marker == "x" else "none",
                edgecolors=None if marker == "x" else colour,
            )
    axis.set_title(
        f"before {_same(before, highest).probability:.3f}, "
        f"after {_same(after, highest).probability:.3f}",
        fontsize=8,
    )


def _same(reading: Reading, slice_: SliceReading) -> SliceReading:
    return next(read for read in reading.slices if read.image == slice_.image)
