"""The course of a training, point by point, and as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One validation. slice_loss and map_loss: means of the training steps since the one before.
    auc_of: of each part of a mixed validation, by its name; nan where it has one kind of slices.
    """

    step: int
    epoch: float
    slices: int
    learning_rate: float
    slice_loss: float
    map_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    auc_of: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """With a column for each part."""
        values = asdict(self)
        parts = values.pop("auc_of")
        return values | {f"auc_of {name}": value for name, value in parts.items()}

    def in_words(self) -> str:
        """One sentence for who watches the run."""
        of_maps = f", {self.map_loss:.3f} of maps" if self.map_loss else ""
        parts = ", ".join(f"{auc:.3f} on {name}" for name, auc in self.auc_of.items())
        return (
            f"epoch {self.epoch:.2f}: validation AUC {self.validation_auc:.3f}"
            f"{f' ({parts})' if parts else ''}, "
            f"accuracy {100 * self.validation_accuracy:.1f} %, loss {self.validation_loss:.3f}; "
            f"training loss {self.slice_loss:.3f} of slices{of_maps}"
        )


def write_curve(curve: Sequence[CurvePoint], path: Path) -> None:
    """One line a point."""
    rows = [point.row() for point in curve]
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
