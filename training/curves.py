"""The course of a training, point by point, and as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One validation. slice_loss and map_loss: means of the training steps since the one before."""

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
    """One line a point."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [item.name for item in fields(CurvePoint)])
        table.writeheader()
        table.writerows(
            {name: f"{value:.6g}" for name, value in asdict(point).items()} for point in curve
        )
