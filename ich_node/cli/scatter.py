"""The probabilities of two models as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ich_node.errors import IchNodeError

if TYPE_CHECKING:
    from ich_node.ledger import PairedAnswers

# by what a radiologist said
COLOURS = {True: ("tab:red", "bleeding"), False: ("tab:blue", "no bleeding")}
UNKNOWN = ("tab:grey", "no verdict")


def draw_scatter(pairs: Sequence["PairedAnswers"], *, a: str, b: str, file: Path) -> None:
    """One point for each series, coloured by its verdict. a, b: the names of the models. Raises
    IchNodeError if matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise IchNodeError(
            'the picture needs matplotlib: pip install "ich-node[plots]"; '
            "without --scatter the table is printed"
        ) from error
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="lightgrey", linewidth=1)
    for bleeding in (None, False, True):
        colour, label = COLOURS.get(bleeding, UNKNOWN) if bleeding is not None else UNKNOWN
        some = [pair for pair in pairs if pair.bleeding is bleeding]
        if some:
            axes.scatter(
                [pair.a.series_probability for pair in some],
                [pair.b.series_probability for pair in some],
                s=18,
                alpha=0.7,
                clip_on=False,
                color=colour,
                label=f"{label} ({len(some)})",
            )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{len(pairs)} series")
    axes.set(xlabel=f"score of {a}", ylabel=f"score of {b}")
    if pairs:
        axes.legend(loc="lower right")
    try:
        figure.savefig(file, format="png", dpi=120)
    except OSError as error:
        raise IchNodeError(f"{file}: cannot write the picture: {error.strerror}") from error
