"""A picture of images a second over how many send at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def draw_growth(lines: Mapping[str, Mapping[int, Sequence[float]]], picture: Path) -> None:
    """lines: of each receiver, for each number of senders the (lower quartile, median, upper quartile)."""
    figure, axis = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, points in lines.items():
        senders = sorted(points)
        lower, middle, upper = zip(*(points[count] for count in senders), strict=True)
        axis.plot(senders, middle, marker="o", label=name)
        axis.fill_between(senders, lower, upper, alpha=0.15)
    axis.set_xscale("log", base=2)
    axis.set_xticks(senders, [str(count) for count in senders])
    axis.set_xlabel("senders at once")
    axis.set_ylabel("images a second")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(picture, dpi=100)
    pyplot.close(figure)
