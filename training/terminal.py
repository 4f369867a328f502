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


def say_left_out(skipped: "Sequence[Skip]") -> None:
    """How many were left out, by reason, with the first of each by name."""
    if not skipped:
        return
    say(f"{len(skipped)} left out:")
    by_reason: dict[str, list[Skip]] = {}
    for skip in skipped:
        by_reason.setdefault(skip.reason, []).append(skip)
    for reason, of_reason in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        say(f"  {len(of_reason)} x {reason}")
        for skip in of_reason[:FIRST]:
            say(f"      {skip.what}" + (f": {skip.detail}" if skip.detail else ""))


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Gives advance(done, total), which moves the bar; the bar vanishes at the end."""
    with progress_bars(description) as (advance,):
        yield advance


@contextmanager
def progress_bars(*descriptions: str) -> Iterator[list[Callable[[int, int], None]]]:
    """An advance(done, total) for each; a bar is shown when it is first moved."""
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

        def advance_of(description: str) -> Callable[[int, int], None]:
            task = bar.add_task(description, total=None, visible=False, start=False)

            def advance(done: int, total: int) -> None:
                bar.start_task(task)
                bar.update(task, completed=done, total=total, visible=True)

            return advance

        yield [advance_of(description) for description in descriptions]


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
    from training.datasets import read_dataset

    with counting_files("reading headers") as progress:
        return read_dataset(folder, kind=kind, progress=progress, boxes=boxes, chronic=chronic)


@contextmanager
def counting_files(description: str) -> Iterator[Callable[[int], None]]:
    """Gives advance(files), which adds to the number of files on the terminal."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} files"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_stderr(), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda files: bar.advance(task, files)


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)
