"""`python -m tests.load.soak_picture soak.csv soak.png`: what grew during a soak, over the series
that went through.
"""

import csv
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

PROCESSES = ("receive", "analyse", "send")
KINDS = {
    "memory": ("memory, MB", 1e6),
    "descriptors": ("file descriptors", 1.0),
    "threads": ("threads", 1.0),
}


def draw(table: Path, picture: Path) -> None:
    with table.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    series = [row["series"] for row in rows]
    figure, axes = pyplot.subplots(5, 1, figsize=(8, 10), sharex=True, layout="constrained")
    for axis, (kind, (label, unit)) in zip(axes, KINDS.items(), strict=False):
        for name in PROCESSES:
            axis.plot(series, [row[f"{name}_{kind}"] / unit for row in rows], label=name)
        axis.set_ylabel(label)
    axes[0].legend(loc="center right")
    axes[3].plot(series, [row["ledger_bytes"] / 1e6 for row in rows], label="size, MB")
    axes[3].plot(series, [row["ledger_jobs"] / 10 for row in rows], label="jobs / 10")
    axes[3].set_ylabel("ledger")
    axes[3].legend(loc="center right")
    axes[4].plot(series, [row["spool_files"] for row in rows])
    axes[4].set_ylabel("files in the spool")
    axes[4].set_xlabel("series read and delivered")
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
