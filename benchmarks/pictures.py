"""Plots, which need the extra `plots`: one for the documentation, whose name stays, and one beside
the dated table.
"""

from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.side_by_side import RESULTS

DOCUMENTS = Path(__file__).parent.parent / "docs" / "images"


def new_picture() -> tuple[Figure, Axes]:
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    axes.grid(alpha=0.3)
    return figure, axes


def save(figure: Figure, name: str) -> None:
    """docs/images/NAME.png and results/DATE-NAME.png."""
    for path in (DOCUMENTS / f"{name}.png", RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{name}.png"):
        figure.savefig(path, dpi=110)
    pyplot.close(figure)
