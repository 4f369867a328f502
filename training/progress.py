"""How far a long command is: a bar on a terminal, plain lines where there is none, as in a log,
under nohup or in the journal. Both say how much is done, how fast, and how long it will take yet.

rich is imported where a bar is shown: `ich-node --help` shows none.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EVERY_S = 30.0  # between two lines of a log
WINDOW_S = 300.0  # what the rate is measured over
APART_S = 1.0  # between two measurements that are kept
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400

Clock = Callable[[], float]


class Advance(Protocol):
    """Says how much of a piece of work is done. total: 0 if nobody knows. note: its state, in a few
    words, until the next call. event: a sentence that stays, in a line of its own.
    """

    def __call__(self, done: int, total: int, note: str = "", event: str = "") -> None: ...


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is counted: `unit` names one of `done`, or, with per_done of them in each, what the rate
    counts; then `counted` names one of `done`.
    """

    description: str
    unit: str = ""
    per_done: int = 1
    counted: str = ""


class Pace:
    """How fast the work goes, over the last five minutes. What was done before the first call, as
    in a run that goes on, says nothing about that.
    """

    def __init__(self, clock: Clock) -> None:
        self.began_s = clock()
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def moved(self, done: int) -> None:
        now_s = self._clock()
        if len(self._seen) > 1 and now_s - self._seen[-2][0] < APART_S:
            self._seen.pop()
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()

    @property
    def per_second(self) -> float | None:
        """None as long as nobody can know."""
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last > first and last_s > first_s else None

    def in_words(self, work: Work, done: int, total: int) -> str:
        """Rate and time left, e.g. 21.3 slices/s, 12 min left; empty if nobody can know."""
        rate = self.per_second
        if rate is None:
            return ""
        words = [f"{_rounded(rate * work.per_done)} {work.unit}/s"] if work.unit else []
        if done < total:
            words.append(f"{time_in_words((total - done) / rate)} left")
        return ", ".join(words)


@dataclass(kw_only=True)
class Line:
    """The lines of one piece of work in a log. A short one writes none."""

    work: Work
    write: Callable[[str], None]
    clock: Clock
    pace: Pace = field(init=False)
    wrote_s: float = field(init=False)
    at_work: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.clock)
        self.wrote_s = self.pace.began_s

    def __call__(self, done: int, total: int, note: str = "", event: str = "") -> None:
        """Writes about every EVERY_S, at once for an event, and at the end of what wrote before."""
        self.pace.moved(done)
        now_s = self.clock()
        if event:
            self.write(f"{self.work.description}: {event}")
        ends = self.at_work and done == total
        if ends or now_s - self.wrote_s >= EVERY_S:
            self.write(self._line(done, total, note, now_s - self.pace.began_s))
            self.wrote_s, self.at_work = now_s, done != total

    def _line(self, done: int, total: int, note: str, after_s: float) -> str:
        counted = f"{self.work.counted} " if self.work.counted else ""
        share = f" of {total:,} ({100 * done // total} %)" if total else ""
        parts = (
            f"{counted}{done:,}{share} after {time_in_words(after_s)}",
            self.pace.in_words(self.work, done, total),
            note,
        )
        return f"{self.work.description}: " + ", ".join(part for part in parts if part)


@dataclass(kw_only=True)
class Bar:
    """The bar of one piece of work, shown when it is first moved."""

    work: Work
    bars: "Progress"
    clock: Clock

    def __post_init__(self) -> None:
        self.pace = Pace(self.clock)
        self.task = self.bars.add_task(
            self.work.description, total=None, visible=False, start=False, pace="", note=""
        )

    def __call__(self, done: int, total: int, note: str = "", event: str = "") -> None:
        self.pace.moved(done)
        if event:
            self.bars.console.print(f"{self.work.description}: {event}", markup=False)
        self.bars.start_task(self.task)
        self.bars.update(
            self.task,
            completed=done,
            total=total or None,
            visible=True,
            pace=self.pace.in_words(self.work, done, total),
            note=note,
        )


@contextmanager
def progress(
    *works: Work,
    stays: bool = False,
    clock: Clock = time.monotonic,
    console: "Console | None" = None,
    write: Callable[[str], None] | None = None,
) -> Iterator[tuple[Advance, ...]]:
    """An Advance for each piece of work, on stderr. stays: the bars are still there at the end.
    console, write: where bars or lines go instead.
    """
    if write or not (console or _is_terminal()):
        yield tuple(Line(work=work, write=write or _write, clock=clock) for work in works)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
    )
    console = console or Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=not stays) as bars:
        yield tuple(Bar(work=work, bars=bars, clock=clock) for work in works)


def time_in_words(seconds: float) -> str:
    """E.g. 40 s, 12 min, 2 h 5 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{round(whole / MINUTE_S)} min"
    large_s, small_s, names = (
        (HOUR_S, MINUTE_S, ("h", "min")) if whole < DAY_S else (DAY_S, HOUR_S, ("d", "h"))
    )
    large, rest = divmod(round(whole / small_s), large_s // small_s)
    return f"{large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")


def _rounded(rate: float) -> str:
    """Three digits, as far as they say something."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _is_terminal() -> bool:
    """A dumb terminal cannot move its cursor back."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def _write(line: str) -> None:
    """At once: a log is read while it grows."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
