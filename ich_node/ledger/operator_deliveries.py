"""The operator's hand on deliveries: what is owed, now rather than later, again, or not at all."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.delivery import OUTDATED, TRIED
from ich_node.ledger.journal import note_deliveries
from ich_node.ledger.states import SETTLED, DeliveryState
from ich_node.ledger.tables import IS_OWED, as_values, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION

UNSETTLED = tuple(state for state in DeliveryState if state not in SETTLED)
# What a person can call off: what is being sent now may have arrived.
CANCELLABLE = (DeliveryState.PENDING, DeliveryState.STORED, DeliveryState.FAILED)
AGAIN = (DeliveryState.PENDING, DeliveryState.FAILED)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What one destination is owed of one job: objects in one state. attempts: the most that one of
    them had; next_at, first_at: the earliest.
    """

    job_id: int
    destination: str
    state: DeliveryState
    objects: int
    attempts: int
    next_at: datetime
    first_at: datetime
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class OwedPage:
    """The longest owed ones, and how many lines and objects there are in all."""

    owed: list[Owed]
    lines: int
    objects: int


@dataclass(frozen=True, kw_only=True)
class DeliveryChoice:
    """Of which deliveries a command speaks; None: whatever it is. older_than: owed since before."""

    job_ids: Collection[int] | None = None
    destination: str | None = None
    states: Collection[DeliveryState] = UNSETTLED
    older_than: datetime | None = None

    @property
    def where(self) -> sa.ColumnElement[bool]:
        # the states are always named, so that an index is used
        is_all = set(self.states) == set(UNSETTLED)
        conditions: list[sa.ColumnElement[bool]] = [
            IS_OWED if is_all else deliveries.c.state.in_(self.states)
        ]
        if self.job_ids is not None:
            conditions.append(deliveries.c.job_id.in_(self.job_ids))
        if self.destination is not None:
            conditions.append(deliveries.c.destination == self.destination)
        if self.older_than is not None:
            conditions.append(deliveries.c.first_at < self.older_than)
        return sa.and_(*conditions)


@dataclass(frozen=True, kw_only=True)
class Resent:
    """What became of the results of one job. again: objects by destination. outdated: messages of
    which the destination has a newer one; still_owed: objects that were not delivered yet.
    swept_at, is_withdrawn: why nothing is sent.
    """

    job_id: int
    again: dict[str, int]
    outdated: int = 0
    still_owed: int = 0
    swept_at: datetime | None = None
    is_withdrawn: bool = False


@dataclass(frozen=True, kw_only=True)
class NewDestination:
    """One that the results of a job may not have been owed to. gets_notifications: rather than
    objects.
    """

    name: str
    gets_notifications: bool


class OperatorDeliveries:
    """who: the person, for the events of the jobs."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def list(self, choice: DeliveryChoice, *, limit: int) -> OwedPage:
        """What has been owed for longest comes first."""
        # in the order of the index: of 20,000 lines only those that are shown are looked up
        key = (deliveries.c.destination, deliveries.c.state, deliveries.c.job_id)
        longest = sa.func.min(deliveries.c.first_at).label("first_at")
        grouped = sa.select(*key, longest).where(choice.where).group_by(*key)
        order = (longest, deliveries.c.job_id, deliveries.c.destination, deliveries.c.state)
        page = grouped.order_by(*order).limit(limit).subquery()
        its_key = (page.c.destination, page.c.state, page.c.job_id)
        shown = (
            sa.select(
                *its_key,
                sa.func.count().label("objects"),
                sa.func.max(deliveries.c.attempts).label("attempts"),
                sa.func.min(deliveries.c.next_at).label("next_at"),
                page.c.first_at,
                sa.func.max(deliveries.c.detail).label("detail"),
            )
            .join_from(page, deliveries, sa.tuple_(*key) == sa.tuple_(*its_key))
            .where(choice.where)
            .group_by(*its_key, page.c.first_at)
            .order_by(page.c.first_at, page.c.job_id, page.c.destination, page.c.state)
        )
        every = sa.select(sa.func.count().label("n")).where(choice.where).group_by(*key).subquery()
        totals = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(every.c.n), 0))
        with self._database.read() as connection:
            owed = as_values(Owed, connection.execute(shown))
            lines, objects = connection.execute(totals.select_from(every)).one()
        return OwedPage(owed=owed, lines=lines, objects=int(objects))

    def destinations(self) -> set[str]:
        """The names of all that are owed something; a name may be gone from config.toml."""
        owed = sa.select(deliveries.c.destination).where(IS_OWED)
        with self._database.read() as connection:
            return set(connection.execute(owed.distinct()).scalars())

    def jobs(self) -> dict[str, int]:
        """Of how many jobs each destination is owed something."""
        query = (
            sa.select(deliveries.c.destination, sa.func.count(deliveries.c.job_id.distinct()))
            .where(IS_OWED)
            .group_by(deliveries.c.destination)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def count(self, choice: DeliveryChoice) -> Counter[str]:
        """Objects by destination."""
        query = (
            sa.select(deliveries.c.destination, sa.func.count())
            .where(choice.where)
            .group_by(deliveries.c.destination)
        )
        with self._database.read() as connection:
            return Counter({row[0]: row[1] for row in connection.execute(query)})

    def retry(self, choice: DeliveryChoice, *, now: datetime, who: str) -> Counter[str]:
        """They are due now, ahead of their time; objects by destination. What was given up starts
        anew: its tries, and the time from which it is owed.

        The first batch that finds a destination away postpones all that waits for it
        (SenderLedger.pause_destination): many deliveries are one try.
        """
        anew = {"state": DeliveryState.PENDING, "attempts": TRIED, "first_at": now}
        with self._database.write() as connection:
            waiting = sa.and_(choice.where, deliveries.c.state == DeliveryState.PENDING)
            given_up = sa.and_(choice.where, deliveries.c.state == DeliveryState.FAILED)
            changed = _change(connection, waiting, next_at=now)
            changed += _change(connection, given_up, **anew, next_at=now)
            _note(connection, changed, now=now, event="delivery retried", who=who)
            return Counter(row.destination for row in changed)

    def cancel(self, choice: DeliveryChoice, *, now: datetime, who: str) -> Counter[str]:
        """They are never sent; objects by destination. Not those that are being sent now."""
        with self._database.write() as connection:
            changed = _change(
                connection,
                sa.and_(choice.where, deliveries.c.state.in_(CANCELLABLE)),
                state=DeliveryState.CANCELLED,
                transaction_uid=None,
            )
            _note(connection, changed, now=now, event="delivery cancelled", who=who)
            return Counter(row.destination for row in changed)

    def resend(
        self,
        job_id: int,
        *,
        to: NewDestination | None,
        now: datetime,
        who: str,
        allowed: Collection[str] | None = None,
    ) -> Resent | None:
        """What was delivered is due again, with the same bytes and UIDs; None if there is no such
        job.

        to: only to this destination; what it was never owed it is owed now, and what was cancelled,
        again. allowed: those that may have the job's results; None: all. A message of which the
        destination has a newer one is not sent again.
        """
        with self._database.write() as connection:
            job = connection.execute(
                sa.select(jobs.c.swept_at, jobs.c.withdrawn_at)
                .where(jobs.c.id == job_id)
                .with_for_update()
            ).one_or_none()
            if job is None:
                return None
            if job.swept_at is not None or job.withdrawn_at is not None:
                is_withdrawn = job.withdrawn_at is not None
                return Resent(
                    job_id=job_id, again={}, swept_at=job.swept_at, is_withdrawn=is_withdrawn
                )
            mine = deliveries.c.job_id == job_id
            if allowed is not None:
                mine = sa.and_(mine, deliveries.c.destination.in_(allowed))
            if to is not None:
                mine = sa.and_(mine, deliveries.c.destination == to.name)
                _owe(connection, job_id, to, now)
            done = (DeliveryState.SENT,) if to is None else SETTLED
            of_job = OUTDATED.where(mine)
            outdated = connection.execute(of_job).scalars().all()
            due = sa.and_(mine, deliveries.c.state.in_(done), deliveries.c.id.not_in(outdated))
            changed = _change(
                connection,
                due,
                state=DeliveryState.PENDING,
                attempts=TRIED,
                next_at=now,
                first_at=now,
                detail=None,
                transaction_uid=None,
            )
            _note(connection, changed, now=now, event="sent again", who=who)
            owed = sa.select(sa.func.count()).where(mine, deliveries.c.state.in_(UNSETTLED))
            return Resent(
                job_id=job_id,
                again=dict(Counter(row.destination for row in changed)),
                outdated=len(outdated),
                still_owed=connection.execute(owed).scalar_one() - len(changed),
            )


def _change(
    connection: sa.Connection, where: sa.ColumnElement[bool], **values: Any
) -> list[sa.Row[Any]]:
    return list(
        connection.execute(
            sa.update(deliveries)
            .where(where)
            .values(**values)
            .returning(deliveries.c.job_id, deliveries.c.destination)
        ).all()
    )


def _owe(connection: sa.Connection, job_id: int, to: NewDestination, now: datetime) -> None:
    """What the destination takes of the job's results and was never owed: CANCELLED, as if somebody
    had called it off before.
    """
    is_notification = results.c.kind == NOTIFICATION
    owed = sa.select(deliveries.c.id).where(
        deliveries.c.result_id == results.c.id, deliveries.c.destination == to.name
    )
    new = sa.select(results.c.id).where(
        results.c.job_id == job_id,
        is_notification if to.gets_notifications else ~is_notification,
        ~owed.exists(),
    )
    values = {
        "job_id": job_id,
        "destination": to.name,
        "state": DeliveryState.CANCELLED,
        "attempts": 0,
        "next_at": now,
        "first_at": now,
    }
    rows: Sequence[int] = connection.execute(new.order_by(results.c.id)).scalars().all()
    for result_id in rows:
        connection.execute(sa.insert(deliveries).values(result_id=result_id, **values))


def _note(
    connection: sa.Connection, rows: list[sa.Row[Any]], *, now: datetime, event: str, who: str
) -> None:
    note_deliveries(connection, rows=rows, now=now, event=event, detail=f"by hand, by {who}")
