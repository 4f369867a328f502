"""Jobs as lines that never fold: what people read in `jobs list` and `jobs show`."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import FoundJobs, Job

HEADINGS = ("job", "received", "source", "state", "answer", "owed", "series")
# What may be cut at its end where the line is too long, and how short.
SHORTEST = {"source": 6, "state": 7, "answer": 7, "owed": 8}
GAP = "  "
FOR_A_PIPE = 10_000


def width_of_lines() -> int:
    """COLUMNS, or the terminal's width; a pipe gets whole words."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return FOR_A_PIPE
    return max(shutil.get_terminal_size().columns, 40)


def job_lines(found: "FoundJobs", *, now: datetime, width: int) -> list[str]:
    """A heading, and one line for each job."""
    rows = [
        (
            str(job.id),
            local_time(job.first_received_at, now),
            job.source,
            state_words(job, now, seconds=False),
            answer_words(job),
            owed_words(found.owed.get(job.id, {})),
            f"…{found.ends[job.series_instance_uid]}",
        )
        for job in found.jobs
    ]
    widths = _widths([HEADINGS, *rows], width)
    return [_line(row, widths) for row in (HEADINGS, *rows)]


def local_time(at: datetime, now: datetime) -> str:
    """Of this year without the year."""
    local = at.astimezone()
    is_this_year = local.year == now.astimezone().year
    return f"{local:%m-%d %H:%M}" if is_this_year else f"{local:%Y-%m-%d %H:%M}"


def zone(now: datetime) -> str:
    """The name of the local time zone."""
    return now.astimezone().tzname() or "local time"


def state_words(job: "Job", now: datetime, *, seconds: bool = True) -> str:
    """WAITING: the series still arrives ("waiting"), or can be read ("ready"); with its lane,
    unless that is the ordinary one. seconds: say for how long a series is waited for.
    """
    from ich_node.ledger import JobState, Lane

    if job.state is not JobState.WAITING:
        return job.state.words
    left = (job.ready_at - now).total_seconds()
    state = "ready" if left <= 0 else f"waiting {left:.0f} s" if seconds else "waiting"
    return state if job.lane is Lane.ORDINARY else f"{state}, {job.lane.name.lower()}"


def answer_words(job: "Job") -> str:
    """In a word; empty if there is none yet."""
    if job.withdrawn_at:
        return "withdrawn"
    return job.answer.replace("_", " ") if job.answer else ""


def owed_words(owed: Mapping[str, int]) -> str:
    """How many results are still owed, and to whom."""
    if not owed:
        return ""
    return f"{sum(owed.values())} → {', '.join(sorted(owed))}"


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Of the columns; where a line would be too long, the longest that can be cut are."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shortest = [SHORTEST.get(name, width) for name in HEADINGS]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        spare = [have - least for have, least in zip(widths, shortest, strict=True)]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text if len(text) <= width else f"{text[: width - 1]}…"
        for text, width in zip(row, widths, strict=True)
    ]
    first = cells[0].rjust(widths[0])
    rest = [cell.ljust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return GAP.join([first, *rest]).rstrip()
