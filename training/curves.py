"""The course of a training as CSV and as a picture."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.figure import Figure

DPI = 110
SCORES = ("validation_accuracy", "validation_auc")


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One look at the validation. The losses of training are means since the look before."""

    step: int
    epoch: float
    slices: int
    learning_rate: float
    slice_loss: float
    map_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float


def write_curve(curve: Sequence[CurvePoint], path: Path) -> None:
    """One line a look."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [item.name for item in fields(CurvePoint)])
        table.writeheader()
        table.writerows(
            {name: f"{value:.6g}" for name, value in asdict(point).items()} for point in curve
        )


def draw_curve(curve: Sequence[CurvePoint], path: Path, title: str) -> None:
    """Losses on the left, what the validation says on the right, both by slices seen."""
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
        axis.set_xlabel("slices seen")
        axis.legend(fontsize=8)
    scores.set_ylim(top=1.01)
    figure.savefig(path)
