"""Which services are up, by the heartbeats of their processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.processes.beat_file import STALE_SECONDS

SERVICES = ("receive", "analyse", "send")  # in the order of a CT's way
BEAT_SECONDS = 10.0
STALE = timedelta(seconds=STALE_SECONDS)
# A service that is started again, or upgraded, is not missed at once.
GRACE = timedelta(minutes=2)
# A process of which nothing was heard for so long is forgotten, e.g. of a pod that was replaced.
KEEP = timedelta(days=1)
ENDED = "ended "  # the measurement of when a process of a service last ended as it should


@dataclass(frozen=True, kw_only=True)
class ServiceHealth:
    """processes: those with a heartbeat, and those that ended without a word. is_up: one of them
    lives; is_ready: one that lives does its work. last_seen: when it was known to live.
    """

    service: str
    is_up: bool
    is_ready: bool
    last_seen: datetime | None
    processes: Sequence[Heartbeat]


def is_alive(process: Heartbeat, now: datetime) -> bool:
    """A clock that was set back does not end a process."""
    return now - process.beat_at <= STALE


def services(ledger: Ledger, now: datetime) -> list[ServiceHealth]:
    """The three services, and the site if it runs or should. Raises Unavailable."""
    processes = ledger.heartbeats.all()
    others = sorted({each.service for each in processes} - set(SERVICES))
    return [
        _health(ledger, name, [each for each in processes if each.service == name], now)
        for name in (*SERVICES, *others)
    ]


def _health(
    ledger: Ledger, service: str, processes: Sequence[Heartbeat], now: datetime
) -> ServiceHealth:
    living = [each for each in processes if is_alive(each, now)]
    seen = [each.beat_at for each in processes]
    if not living and (ended := ledger.measurements.newest(f"{ENDED}{service}")):
        seen.append(ended.at)
    return ServiceHealth(
        service=service,
        is_up=bool(living),
        is_ready=any(each.is_ready for each in living),
        last_seen=max(seen, default=None),
        processes=processes,
    )


def missing_since(all_of_them: Sequence[ServiceHealth], service: ServiceHealth) -> datetime | None:
    """Since when the service is missed; None while nothing of the node was ever seen. One that was
    never seen is missed since the others were started.
    """
    if service.last_seen is not None:
        return service.last_seen
    started = [process.started_at for each in all_of_them for process in each.processes]
    return min(started, default=None)
