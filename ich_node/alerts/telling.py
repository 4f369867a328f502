"""Tells one alert its news. What fails is tried again: after 30 s, 1 min, 2 min ... 15 min, until
it is told; what happens meanwhile comes in the same message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ich_node.alerts.channels import Channel
from ich_node.alerts.message import Origin, message_of
from ich_node.deliver.retry import FIRST_RETRY, LONGEST_RETRY
from ich_node.errors import IchNodeError, Unavailable
from ich_node.health import TroubleKind
from ich_node.ledger.notices import News, NoticeLedger

# It has happened; that it is no longer new is nothing to tell.
WITHOUT_END = (TroubleKind.READER_KILLED,)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class AlertTeller:
    """clock: the node's. owner: the holder of the claim."""

    alert: str
    channel: Channel
    ledger: NoticeLedger
    origin: Origin
    clock: Callable[[], datetime]
    owner: str

    def tell(self, news: News) -> None:
        """Raises nothing: it runs in a thread of its own."""
        try:
            self._tell(news)
        except Unavailable as error:  # of the ledger: the claim ends by itself
            log.warning("alert_not_noted", alert=self.alert, detail=error.detail)
        except Exception:  # a bug of ours: the next try may meet it again, and is as far away
            log.exception("alert_failed", alert=self.alert)
            self.postpone(news, "an error of the node, which its log has")

    def _tell(self, news: News) -> None:
        message = message_of(news, self.origin, now=self.clock())
        try:
            answer = self.channel.tell(message)
        except IchNodeError as error:
            self.postpone(news, error.detail)
            return
        self.ledger.told(
            self.alert, news, owner=self.owner, now=self.clock(), without_end=WITHOUT_END
        )
        log.info(
            "alert_told",
            alert=self.alert,
            began=len(news.begun),
            ended=len(news.ended),
            passed=len(news.passed),
            answer=answer,
        )

    def postpone(self, news: News, detail: str) -> None:
        """It could not be told. Raises nothing."""
        now = self.clock()
        wait = min(FIRST_RETRY * 2 ** min(news.attempts, 10), LONGEST_RETRY)
        log.warning(
            "alert_not_told", alert=self.alert, detail=detail, again_in_seconds=seconds_of(wait)
        )
        try:
            self.ledger.not_told(
                self.alert, owner=self.owner, retry_at=now + wait, now=now, detail=detail
            )
        except Unavailable as error:
            log.warning("alert_not_noted", alert=self.alert, detail=error.detail)


def seconds_of(wait: timedelta) -> int:
    return round(wait.total_seconds())
