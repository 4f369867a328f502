"""How far a long command is, as a bar and as lines of a log; the clock is the test's."""

import io
import re

import pytest
from rich.console import Console

from training.progress import Advance, Work, progress, time_in_words

TRAINING = Work(description="training", unit="slices", per_done=16, counted="step")


class Standing:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def log_of(work: Work, *moves: tuple[float, int, int], clock: Standing | None = None) -> list[str]:
    """The lines of a log. moves: seconds since the one before, done, total."""
    lines: list[str] = []
    clock = clock or Standing()
    with progress(work, clock=clock, write=lines.append) as (advance,):
        move(advance, clock, *moves)
    return lines


def move(advance: Advance, clock: Standing, *moves: tuple[float, int, int]) -> None:
    for seconds, done, total in moves:
        clock.now_s += seconds
        advance(done, total)


def test_a_log_has_a_line_every_half_minute():
    """Steps, share, time, rate in slices, time left; one more at the end; no character of a bar."""
    lines = log_of(TRAINING, *((2.0, step, 40) for step in range(1, 41)))
    assert lines == [
        "training: step 15 of 40 (37 %) after 30 s, 8 slices/s, 50 s left",
        "training: step 30 of 40 (75 %) after 1 min, 8 slices/s, 20 s left",
        "training: step 40 of 40 (100 %) after 1 min, 8 slices/s",
    ]


def test_a_validation_is_told_at_once():
    """With what it found, though the last line is seconds ago; the status goes on in the lines."""
    lines: list[str] = []
    clock = Standing()
    with progress(TRAINING, clock=clock, write=lines.append) as (advance,):
        advance(1, 4000, "epoch 0.01, loss 0.693")
        clock.now_s += 5
        advance(2, 4000, "epoch 0.02, loss 0.690", "epoch 0.02: validation AUC 0.512")
        clock.now_s += 31
        advance(3, 4000, "epoch 0.03, loss 0.650, validation AUC 0.512")
    assert lines[0] == "training: epoch 0.02: validation AUC 0.512"
    assert lines[1].endswith("left, epoch 0.03, loss 0.650, validation AUC 0.512")
    assert len(lines) == 2


def test_short_work_leaves_no_line():
    """Twenty series that are in the cache already."""
    assert log_of(Work(description="caching series"), (0.1, 1, 20), (0.1, 20, 20)) == []


def test_what_was_done_before_is_not_counted_as_done_now():
    """A pool that is completed, a run that goes on: 9,000 of 10,000 lay there."""
    pool = Work(description="phantom slices", unit="slices")
    (line,) = log_of(pool, (0, 9000, 10_000), (64, 9064, 10_000))
    assert line == ("phantom slices: 9,064 of 10,000 (90 %) after 1 min, 1 slices/s, 16 min left")


def test_the_rate_follows_the_last_five_minutes():
    """Slow for an hour, ten times as fast since ten minutes: what is left is told from now on."""
    slow, fast = [(10.0, 1 + step, 10_000) for step in range(360)], []
    fast = [(1.0, 361 + step, 10_000) for step in range(600)]
    line = log_of(Work(description="drawing", unit="slices"), *slow, *fast)[-1]
    assert ", 1 slices/s, " in line
    assert line.endswith("2 h 31 min left")


def test_files_without_a_total_are_counted():
    """A folder that is being searched."""
    (line,) = log_of(Work(description="reading headers", unit="files"), (1, 100, 0), (40, 4100, 0))
    assert line == "reading headers: 4,100 after 41 s, 100 files/s"


def test_a_bar_says_what_a_log_says():
    """On a terminal: bar, count, rate, time left, status; a validation stays above the bar."""
    terminal, clock = io.StringIO(), Standing()
    console = Console(file=terminal, force_terminal=True, width=140, color_system=None)
    with progress(TRAINING, stays=True, clock=clock, console=console) as (advance,):
        move(advance, clock, (2, 1, 400), (2, 2, 400))
        clock.now_s += 2
        advance(3, 400, "epoch 0.30, loss 0.500", "epoch 0.30: validation AUC 0.912")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "training: epoch 0.30: validation AUC 0.912" in shown
    last = shown.strip().splitlines()[-1]
    assert "3/400" in last
    assert last.endswith("8 slices/s, 13 min left epoch 0.30, loss 0.500")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (119, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_times_are_as_exact_as_anybody_needs(seconds, words):
    """Of a day nobody wants the minutes."""
    assert time_in_words(seconds) == words
