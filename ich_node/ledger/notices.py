"""Who is told of which incident. Several hosts tell: each claims the news of an alert first, so
that nobody hears of the same thing twice.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.incidents import Incident
from ich_node.ledger.tables import (
    alert_channels,
    as_values,
    columns_of,
    incident_notices,
    incidents,
)

# What has been over for longer, and was not told until then, is no news.
NEWS_FOR = timedelta(days=1)
# No lease and no retry lies further ahead; one that does is of a clock that was set back since.
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class News:
    """What an alert is to be told. begun: of these it has not heard. ended: it knows the
    beginning. passed: they began and ended before it could be told. still: it was told, and they
    go on. attempts: how often telling has failed since it last succeeded.
    """

    begun: tuple[Incident, ...]
    ended: tuple[Incident, ...]
    passed: tuple[Incident, ...]
    still: tuple[Incident, ...]
    attempts: int = 0

    def __bool__(self) -> bool:
        return bool(self.begun or self.ended or self.passed)


@dataclass(frozen=True, kw_only=True)
class AlertChannel:
    """What became of an alert: told_at: when it was last told; failing_since, detail: since when
    that fails, and why.
    """

    alert: str
    known_since: datetime
    told_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    attempts: int
    retry_at: datetime | None
    failing_since: datetime | None
    detail: str


class NoticeLedger:
    """One row for each alert (AlertChannel), and one for each incident that it was told of."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def claim(
        self,
        alert: str,
        *,
        kinds: Collection[str],
        every: timedelta,
        owner: str,
        now: datetime,
        lease: timedelta,
    ) -> News | None:
        """What to tell it now; `told` or `not_told` follows before the lease ends. None: nothing,
        or it was told less than `every` ago, or another process tells it, or a retry is not due.

        kinds: of the incidents of which it wants to hear; (): all.
        """
        with self._database.read() as connection:
            channel = _channel(connection, alert)
            if channel is not None and not _due(connection, channel, kinds, every, now):
                return None
        with self._database.write() as connection:
            lock_writers(connection, alert_channels)
            channel = _channel(connection, alert) or _new_channel(connection, alert, now)
            news = _due(connection, channel, kinds, every, now)
            if news is not None:
                _change(connection, alert, lease_owner=owner, lease_until=now + lease)
            return news

    def told(
        self,
        alert: str,
        news: News,
        *,
        owner: str,
        now: datetime,
        without_end: Collection[str] = (),
    ) -> None:
        """The message has arrived. If another process has claimed the news in the meantime, it
        tells them again.

        without_end: kinds of incidents whose end is nothing to tell.
        """
        with self._database.write() as connection:
            if not _holds(connection, alert, owner):
                return
            known = [
                {
                    "incident_id": each.id,
                    "alert": alert,
                    "told_at": now,
                    "end_told_at": now if each.ended_at or each.kind in without_end else None,
                }
                for each in (*news.begun, *news.passed)
            ]
            if known:
                connection.execute(sa.insert(incident_notices), known)
            if news.ended:
                connection.execute(
                    sa.update(incident_notices)
                    .where(
                        incident_notices.c.incident_id == sa.bindparam("of_id"),
                        incident_notices.c.alert == alert,
                    )
                    .values(end_told_at=now),
                    [{"of_id": each.id} for each in news.ended],
                )
            _change(connection, alert, **_RELEASED, **_SOUND, told_at=now)

    def not_told(
        self, alert: str, *, owner: str, retry_at: datetime, now: datetime, detail: str
    ) -> None:
        """The news stay; they are claimed again at retry_at."""
        with self._database.write() as connection:
            if not _holds(connection, alert, owner):
                return
            _change(
                connection,
                alert,
                **_RELEASED,
                attempts=alert_channels.c.attempts + 1,
                retry_at=retry_at,
                failing_since=sa.func.coalesce(alert_channels.c.failing_since, now),
                detail=detail,
            )

    def channels(self) -> list[AlertChannel]:
        """By name."""
        query = _CHANNELS.order_by(alert_channels.c.alert)
        with self._database.read() as connection:
            return as_values(AlertChannel, connection.execute(query))


_CHANNELS = sa.select(*columns_of(AlertChannel, alert_channels))
_RELEASED = {"lease_owner": None, "lease_until": None}
_SOUND = {"attempts": 0, "retry_at": None, "failing_since": None, "detail": ""}


def _channel(connection: sa.Connection, alert: str) -> AlertChannel | None:
    found = connection.execute(_CHANNELS.where(alert_channels.c.alert == alert))
    return next(iter(as_values(AlertChannel, found)), None)


def _new_channel(connection: sa.Connection, alert: str, now: datetime) -> AlertChannel:
    connection.execute(sa.insert(alert_channels).values(alert=alert, known_since=now, **_SOUND))
    made = _channel(connection, alert)
    assert made is not None
    return made


def _change(connection: sa.Connection, alert: str, **values: object) -> None:
    connection.execute(
        sa.update(alert_channels).where(alert_channels.c.alert == alert).values(**values)
    )


def _holds(connection: sa.Connection, alert: str, owner: str) -> bool:
    lock_writers(connection, alert_channels)
    channel = _channel(connection, alert)
    return channel is not None and channel.lease_owner == owner


def _due(
    connection: sa.Connection,
    channel: AlertChannel,
    kinds: Collection[str],
    every: timedelta,
    now: datetime,
) -> News | None:
    for until in (channel.lease_until, channel.retry_at):
        if until is not None and now < until <= now + LONGEST_WAIT:
            return None
    # in the future: the clock was set back
    if channel.told_at is not None and now - every < channel.told_at <= now:
        return None
    return _news(connection, channel, kinds, now) or None


def _news(
    connection: sa.Connection, channel: AlertChannel, kinds: Collection[str], now: datetime
) -> News:
    known = sa.and_(
        incident_notices.c.incident_id == incidents.c.id,
        incident_notices.c.alert == channel.alert,
    )
    unheard = (
        sa.select(*columns_of(Incident, incidents))
        .outerjoin(incident_notices, known)
        .where(incident_notices.c.told_at.is_(None))
        .order_by(incidents.c.began_at, incidents.c.id)
    )
    if kinds:
        unheard = unheard.where(incidents.c.kind.in_(list(kinds)))
    since = max(channel.known_since, now - NEWS_FOR)
    heard = (
        sa.select(*columns_of(Incident, incidents))
        .join(incident_notices, known)
        .where(incident_notices.c.end_told_at.is_(None))
        .order_by(incidents.c.began_at, incidents.c.id)
    )
    told = as_values(Incident, connection.execute(heard))
    return News(
        begun=_found(connection, unheard.where(incidents.c.ended_at.is_(None))),
        ended=tuple(each for each in told if each.ended_at is not None),
        passed=_found(connection, unheard.where(incidents.c.ended_at >= since)),
        still=tuple(each for each in told if each.ended_at is None),
        attempts=channel.attempts,
    )


def _found(connection: sa.Connection, query: sa.Select[object]) -> tuple[Incident, ...]:
    return tuple(as_values(Incident, connection.execute(query)))
