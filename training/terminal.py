"""What training's commands write to the terminal while they work: sentences and progress bars, on
stderr. stdout has the results alone.

rich is imported where something is written: `ich-node --help` writes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from training.datasets.labelled import Found, Skip, Source

FIRST = 5  # skipped things that are named; of the others their number is printed


def say(sentence: str) -> None:
    """One line."""
    _stderr().print(sentence, markup=False)


def say_skipped(skipped: "Sequence[Skip]", *, total: int) -> None:
    """How many of `total` series were skipped, and the first of them by name."""
    if not skipped:
        return
    say(f"{len(skipped)} of {total} series were skipped:")
    for skip in skipped[:FIRST]:
        say(f"  {skip.what}: {skip.reason} {skip.detail}")
    if len(skipped) > FIRST:
        say(f"  and {len(skipped) - FIRST} more")


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Gives advance(done, total), which moves the bar; the bar vanishes at the end."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_stderr(), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training_bar(*, shown: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Gives report(step, steps, status), which moves the bar and writes the status beside it. Of
    several processes one shows its bar.
    """
    if not shown:
        yield lambda *_: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_stderr()) as bar:
        task = bar.add_task("training", total=None, status="")
        yield lambda step, steps, status: bar.update(
            task, completed=step, total=steps, status=status
        )


def read_with_progress(
    folder: Path, kind: "Source | None", *, boxes: Path | None = None, chronic: bool = True
) -> "Found":
    """read_dataset, with the number of files on the terminal."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from training.datasets import read_dataset

    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} files"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_stderr(), transient=True) as bar:
        task = bar.add_task("reading headers", total=None)
        return read_dataset(
            folder,
            kind=kind,
            progress=lambda files: bar.advance(task, files),
            boxes=boxes,
            chronic=chronic,
        )


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)
