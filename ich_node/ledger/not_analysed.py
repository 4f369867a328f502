"""What was not analysed in a period, by reason and by rule; for the site.

Each state is one range of an index with the newest jobs first, of which at most MOST are looked at:
an answer takes the same time however long the ledger is.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.rows import Job
from ich_node.ledger.states import JobState
from ich_node.ledger.tables import as_values, columns_of, jobs

MOST = 5_000
# Without an answer, for a reason; and those that are not read for other causes.
FOR_A_REASON = (JobState.REFUSED, JobState.FAILED)
OTHERWISE = (JobState.HELD, JobState.SET_ASIDE, JobState.CANCELLED)
NO_REASON = "unknown"


@dataclass(frozen=True, kw_only=True)
class ReasonCount:
    """newest_at: when the newest series of this reason began to arrive."""

    reason: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, kw_only=True)
class NotAnalysed:
    """The most frequent first, of equals the newest. rules: how many series each rule of the site,
    or shipped one, has refused or held. others: by state, those that are not read for another
    cause. received: all series of the period, at most MOST + 1. looked_back_to: the jobs before are
    left out, because there are more than MOST; None: they are all counted.
    """

    reasons: list[ReasonCount]
    rules: Mapping[str, int]
    others: Mapping[JobState, int]
    received: int
    looked_back_to: datetime | None

    @property
    def total(self) -> int:
        return sum(each.count for each in self.reasons)


@dataclass(frozen=True, kw_only=True)
class NotAnalysedSearch:
    """Which series are meant: received from `since` to before `until`. reason, rule: None: all."""

    since: datetime
    until: datetime
    reason: str | None = None
    rule: str | None = None


class NotAnalysedLedger:
    """Reads only."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def count(self, *, since: datetime, until: datetime) -> NotAnalysed:
        reasons: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        others: Counter[JobState] = Counter()
        newest: dict[str, datetime] = {}
        looked_back_to: list[datetime] = []
        columns = (jobs.c.first_received_at, jobs.c.reason, jobs.c.rule)
        with self._database.read() as connection:
            for state in (*FOR_A_REASON, *OTHERWISE):
                query = _newest(state, since, until, *columns).limit(MOST + 1)
                rows = connection.execute(query).all()
                if len(rows) > MOST:
                    looked_back_to.append(rows[MOST - 1].first_received_at)
                for at, reason, rule in rows[:MOST]:
                    if state in FOR_A_REASON:
                        name = reason or NO_REASON
                        reasons[name] += 1
                        newest[name] = max(at, newest.get(name, at))
                    else:
                        others[state] += 1
                    if rule is not None and state in (JobState.REFUSED, JobState.HELD):
                        rules[rule] += 1
            some = sa.select(jobs.c.id).where(_in_period(since, until)).limit(MOST + 1)
            counted = sa.select(sa.func.count()).select_from(some.subquery())
            received = connection.execute(counted).scalar_one()
        return NotAnalysed(
            reasons=[
                ReasonCount(reason=reason, count=count, newest_at=newest[reason])
                for reason, count in sorted(
                    reasons.items(), key=lambda each: (each[1], newest[each[0]]), reverse=True
                )
            ],
            rules=dict(rules.most_common()),
            others=dict(others),
            received=received,
            looked_back_to=max(looked_back_to, default=None),
        )

    def list(self, which: NotAnalysedSearch, *, limit: int) -> list[Job]:
        """The newest first. With a rule, those that it holds, too."""
        states = (*FOR_A_REASON, *((JobState.HELD,) if which.rule is not None else ()))
        found: list[Job] = []
        with self._database.read() as connection:
            for state in states:
                some = _newest(state, which.since, which.until, jobs.c.id).limit(MOST).subquery()
                query = sa.select(*columns_of(Job, jobs)).where(jobs.c.id.in_(sa.select(some.c.id)))
                if which.rule is not None:
                    query = query.where(jobs.c.rule == which.rule)
                if which.reason == NO_REASON:
                    query = query.where(jobs.c.reason.is_(None))
                elif which.reason is not None:
                    query = query.where(jobs.c.reason == which.reason)
                newest = query.order_by(jobs.c.first_received_at.desc(), jobs.c.id.desc())
                found += as_values(Job, connection.execute(newest.limit(limit)))
        found.sort(key=lambda job: (job.first_received_at, job.id), reverse=True)
        return found[:limit]


def _newest(
    state: JobState, since: datetime, until: datetime, *columns: sa.Column[Any]
) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .where(jobs.c.state == state, _in_period(since, until))
        .order_by(jobs.c.first_received_at.desc())
    )


def _in_period(since: datetime, until: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.first_received_at >= since, jobs.c.first_received_at < until)
