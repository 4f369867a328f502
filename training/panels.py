"""Pictures: the course of a training and of a search, the detector's results on slices (as Fig. 2
of the paper), its free-response curve. PNG files; no display is needed.

The one module that needs matplotlib (the extra `plots`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ich_node.detection.network_input import SUBDURAL
from ich_node.scoring.froc import Froc
from training.curves import CurvePoint
from training.evaluate import EXAMPLES, Example
from training.tune import Search

DPI = 110
SCORES = ("validation_accuracy", "validation_auc")
VALUES = (  # of a rule: axis label and attribute
    ("h", "min_prominence"),
    ("T", "min_likelihood"),
    ("d (px)", "min_distance_px"),
    ("gate", "slice_gate"),
)


def draw_curve(curve: Sequence[CurvePoint], path: Path, *, title: str) -> None:
    """Losses on the left, the validation's accuracy and AUC on the right, both by slices seen."""
    figure = Figure(figsize=(9, 3.4), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=9)
    losses, scores = figure.subplots(1, 2)
    slices = [point.slices for point in curve]
    learned = (
        ("slice_loss", "map_loss") if any(point.map_loss for point in curve) else ("slice_loss",)
    )
    for axis, names in ((losses, (*learned, "validation_loss")), (scores, SCORES)):
        for name in names:
            axis.plot(
                slices,
                [getattr(point, name) for point in curve],
                ".-",
                label=name.replace("_", " "),
            )
        if axis is scores:
            for name in curve[0].auc_of:
                axis.plot(
                    slices, [point.auc_of[name] for point in curve], ".--", label=f"AUC of {name}"
                )
        axis.set_xlabel("slices seen")
        axis.legend(fontsize=8)
    scores.set_ylim(top=1.01)
    figure.savefig(path)


def draw_examples(examples: Sequence[Example], path: Path, *, title: str) -> None:
    """A column for each example: the slice with boxes and marks, and the likelihood map below."""
    figure = Figure(figsize=(2.6 * len(examples), 5.6), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(2, len(examples), squeeze=False)
    for column, example in enumerate(
        sorted(examples, key=lambda example: EXAMPLES.index(example.shows))
    ):
        above, below = axes[0][column], axes[1][column]
        above.imshow(example.hu_YX, cmap="gray", vmin=SUBDURAL.lower_hu, vmax=SUBDURAL.upper_hu)
        below.imshow(example.likelihood_YX, cmap="viridis", vmin=0, vmax=1)
        for axis in (above, below):
            axis.set_axis_off()
            _mark(axis, example)
        above.set_title(f"{example.shows}, p {example.probability:.2f}", fontsize=8)
    figure.savefig(path)


def _mark(axis: Axes, example: Example) -> None:
    """Boxes red (ignored ones dashed), marks as the paper's ×."""
    for boxes, style in ((example.scored.boxes, "-"), (example.scored.ignored, "--")):
        for box in boxes:
            corner, width, height = (
                (box.column0, box.row0),
                box.column1 - box.column0,
                box.row1 - box.row0,
            )
            axis.add_patch(
                Rectangle(
                    corner, width, height, fill=False, edgecolor="red", linewidth=1, linestyle=style
                )
            )
    points = example.scored.points
    axis.scatter(
        [point.column for point in points],
        [point.row for point in points],
        marker="x",
        color="red",
        s=30,
    )


def draw_froc(curves: Sequence[tuple[str, Froc]], path: Path) -> None:
    """Sensitivity for boxes against false points per slice, one line per bundle."""
    figure = Figure(figsize=(5, 4), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    for name, curve in curves:
        axis.step(curve.false_points_per_slice, curve.sensitivity, where="post", label=name)
    axis.set(xlabel="false points per slice", ylabel="boxes found", ylim=(0, 1.02), title="FROC")
    axis.legend(fontsize=8)
    figure.savefig(path)


def draw_search(search: Search, path: Path) -> None:
    """Dice against each number of the rule, and its course over the trials."""
    figure = Figure(figsize=(13, 3), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, len(VALUES) + 1, sharey=True)
    dice = np.array([trial.dice for trial in search.trials])
    order = np.arange(1, len(dice) + 1)
    for axis, (label, name) in zip(axes, VALUES, strict=False):
        values = [getattr(trial.rule, name) for trial in search.trials]
        axis.scatter(values, dice, c=order, cmap="viridis", s=10)
        axis.axvline(getattr(search.best.rule, name), color="red", linewidth=0.8)
        axis.set_xlabel(label)
    axes[-1].plot(order, dice, ".", markersize=4)
    axes[-1].plot(order, np.maximum.accumulate(dice), color="red", linewidth=1)
    axes[-1].set_xlabel("trial")
    axes[0].set_ylabel("Dice")
    figure.suptitle(
        f"best Dice {search.best.dice:.4f}, before {search.before.dice:.4f}", fontsize=9
    )
    figure.savefig(path)
