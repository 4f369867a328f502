"""The time from the last slice to the result, over the last hours: a drawing and a table."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from ich_node.answer import Answer
from ich_node.ledger.current import SeriesOutcome
from ich_node.ledger.states import JobState

HOURS = 12
MOST_SERIES = 300
# Of the drawing, in its own units: the field between left and right, top and bottom.
WIDTH, HEIGHT = 900, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 890, 12, 226
SHORTEST = 1.0  # seconds; shorter ones are drawn here
TICKS = (1, 10, 60, 600, 3600, 36_000, 360_000)


@dataclass(frozen=True, kw_only=True)
class ResultPoint:
    """outcome: present, absent, undetermined or not_analysed."""

    id: int
    x: float
    y: float
    outcome: Answer
    at: datetime
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Hour:
    """median, longest: seconds; None without a result in this hour."""

    begins: datetime
    ends: datetime
    results: int
    median: float | None
    longest: float | None


@dataclass(frozen=True, kw_only=True)
class Tick:
    """seconds or at: what is written there."""

    place: float
    seconds: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """median_line: the corners of the line through the medians of the hours, as SVG has them."""

    points: Sequence[ResultPoint]
    hours: Sequence[Hour]
    median_line: str
    rows: Sequence[Tick]
    columns: Sequence[Tick]
    median: float | None
    longest: float | None


def chart_of(outcomes: Sequence[SeriesOutcome], now: datetime) -> Chart:
    """Of the results of the last HOURS hours; it moves on with the minute, not with each look."""
    now = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = now - timedelta(hours=HOURS)
    timed = [
        (each, each.ended_at, each.seconds)
        for each in sorted(outcomes, key=lambda each: each.ended_at or since)
        if each.ended_at is not None and each.seconds is not None and each.ended_at > since
    ]
    all_seconds = [seconds for _, _, seconds in timed]
    rows = _rows(max(all_seconds, default=SHORTEST))
    highest = rows[-1]

    def x(at: datetime) -> float:
        share = (at - since) / timedelta(hours=HOURS)
        return round(LEFT + min(1.0, share) * (RIGHT - LEFT), 1)

    def y(seconds: float) -> float:
        share = math.log(max(SHORTEST, seconds) / SHORTEST) / math.log(highest / SHORTEST)
        return round(BOTTOM - share * (BOTTOM - TOP), 1)

    hours = list(_hours([(at, seconds) for _, at, seconds in timed], since))
    return Chart(
        points=[
            ResultPoint(
                id=each.id,
                x=x(at),
                y=y(seconds),
                outcome=outcome_of(each),
                at=at,
                seconds=seconds,
            )
            for each, at, seconds in timed
        ],
        hours=hours,
        median_line=" ".join(
            f"{x(hour.begins + (hour.ends - hour.begins) / 2)},{y(hour.median)}"
            for hour in hours
            if hour.median is not None
        ),
        rows=[Tick(place=y(seconds), seconds=seconds) for seconds in rows],
        columns=[Tick(place=x(at), at=at) for at in _whole_hours(since, now)],
        median=median(all_seconds) if all_seconds else None,
        longest=max(all_seconds, default=None),
    )


def outcome_of(outcome: SeriesOutcome) -> Answer:
    """What a series came to."""
    if outcome.state is JobState.DONE and outcome.answer is not None:
        return outcome.answer
    return Answer.NOT_ANALYSED


def _rows(longest: float) -> list[int]:
    """The ticks up to the first above the longest time; a minute at least."""
    above = next((tick for tick in TICKS if tick >= max(longest, 60)), TICKS[-1])
    return [tick for tick in TICKS if tick <= above]


def _hours(timed: Sequence[tuple[datetime, float]], since: datetime) -> Iterator[Hour]:
    for number in range(HOURS):
        begins = since + timedelta(hours=number)
        ends = begins + timedelta(hours=1)
        of_hour = [seconds for at, seconds in timed if begins < at <= ends]
        yield Hour(
            begins=begins,
            ends=ends,
            results=len(of_hour),
            median=median(of_hour) if of_hour else None,
            longest=max(of_hour, default=None),
        )


def _whole_hours(since: datetime, now: datetime) -> Iterator[datetime]:
    """Every second one of the local clock."""
    at = since.astimezone().replace(minute=0, second=0, microsecond=0)
    while at <= now:
        if at > since and at.hour % 2 == 0:
            yield at
        at += timedelta(hours=1)
