"""A task of maintenance: what is wrong now becomes incidents, of which each alert is told."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ich_node.alerts.background import Background
from ich_node.alerts.channels import open_channel
from ich_node.alerts.message import Origin
from ich_node.alerts.telling import AlertTeller
from ich_node.config.alerts import Alert
from ich_node.health import Trouble
from ich_node.ledger import Ledger
from ich_node.ledger.notices import News

EVERY = timedelta(seconds=10)
# Longer than any channel waits for its service, if that answers at all.
LEASE = timedelta(minutes=2)

log = structlog.get_logger(__name__)


class IncidentWatch:
    """find: the troubles that there are. owner: of the claims, this process. ticks: seconds that
    nobody can set.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        alerts: Sequence[Alert],
        origin: Origin,
        owner: str,
        clock: Callable[[], datetime],
        find: Callable[[datetime], Sequence[Trouble]],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._alerts = alerts
        self._owner = owner
        self._find = find
        self.background = Background(ticks=ticks)
        self._tellings = {
            alert.name: AlertTeller(
                alert=alert.name,
                channel=open_channel(alert),
                ledger=ledger.notices,
                origin=origin,
                clock=clock,
                owner=owner,
            )
            for alert in alerts
        }
        self._claimed: dict[str, News] = {}

    def run(self, now: datetime) -> int:
        """How many incidents began or ended. Raises Unavailable; waits for no service."""
        noted = self._ledger.incidents.note(self._find(now), now=now)
        for begun in noted.begun:
            log.warning("incident_began", kind=begun.kind, subject=begun.subject)
        for ended in noted.ended:
            log.info("incident_ended", kind=ended.kind, subject=ended.subject)
        for alert in self._alerts:
            self._begin_to_tell(alert, now)
        return len(noted.begun) + len(noted.ended)

    def _begin_to_tell(self, alert: Alert, now: datetime) -> None:
        telling = self._tellings[alert.name]
        if self.background.is_busy(alert.name):
            if self.background.busy_seconds(alert.name) > LEASE.total_seconds():
                self.background.abandon(alert.name)
                telling.postpone(self._claimed[alert.name], "telling it does not come to an end")
            return
        news = self._ledger.notices.claim(
            alert.name,
            kinds=alert.about,
            every=timedelta(minutes=alert.at_most_every_minutes),
            owner=self._owner,
            now=now,
            lease=LEASE,
        )
        if news is not None:
            self._claimed[alert.name] = news
            self.background.start(alert.name, lambda: telling.tell(news))
