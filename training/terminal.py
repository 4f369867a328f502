"""What training's commands write to the terminal while they work: sentences and progress bars, on
stderr. stdout has the results alone.

rich is imported where something is written: `ich-node --help` writes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from training.progress import Advance, Work, progress

if TYPE_CHECKING:
    from rich.console import Console

    from training.datasets.labelled import Found, Skip, Source

FIRST = 5  # skipped things that are named; of the others their number is printed


def say(sentence: str) -> None:
    """One line, however long: UIDs and paths are copied from it."""
    _stderr().print(sentence, markup=False, soft_wrap=True)


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
def progress_bar(description: str, unit: str = "") -> Iterator[Advance]:
    """Gives advance(done, total); the bar vanishes at the end. With a unit, such as series, it says
    how many a second.
    """
    with progress(Work(description=description, unit=unit)) as (advance,):
        yield advance


@contextmanager
def training_bar(*, shown: bool, batch: int) -> Iterator[Advance]:
    """Gives report(step, steps, status, event). Of several processes one shows its bar. batch:
    slices in a step, over all processes.
    """
    if not shown:
        yield lambda *_: None
        return
    work = Work(description="training", unit="slices", per_done=batch, counted="step")
    with progress(work, stays=True) as (report,):
        yield report


def read_with_progress(
    folder: Path, kind: "Source | None", *, boxes: Path | None = None, chronic: bool = True
) -> "Found":
    """read_dataset, with the number of files on the terminal."""
    from training.datasets import read_dataset

    with counting_files("reading headers") as progress:
        return read_dataset(folder, kind=kind, progress=progress, boxes=boxes, chronic=chronic)


@contextmanager
def counting_files(description: str) -> Iterator[Callable[[int], None]]:
    """Gives advance(files), which adds to the number of files that were read."""
    found = 0
    with progress(Work(description=description, unit="files")) as (advance,):

        def add(files: int) -> None:
            nonlocal found
            found += files
            advance(found, 0)

        yield add


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)
