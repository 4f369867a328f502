"""What a process knows about pauses: it looks about once a second, acts on what it sees, and writes
each beginning and end to its log.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from ich_node.ledger.pauses import TO, Pause, PauseLedger

log = structlog.get_logger(__name__)


class PauseWatch:
    """concerns: whether this process acts on a target."""

    def __init__(self, *, ledger: PauseLedger, concerns: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self._concerns = concerns
        self._in_force: dict[str, Pause] = {}

    def look(self, now: datetime) -> None:
        """Raises Unavailable; then what held before still holds."""
        found = [pause for pause in self._ledger.all() if self._concerns(pause.target)]
        for pause in found:
            if pause.is_in_force(now):
                if pause.target not in self._in_force:
                    until = pause.until.isoformat() if pause.until else None
                    log.info("paused", target=pause.target, who=pause.who, until=until)
                self._in_force[pause.target] = pause
            elif self._is_news(pause, now):
                self._in_force.pop(pause.target, None)
                log.info("resumed", target=pause.target, who=pause.who)

    def is_paused(self, target: str) -> bool:
        """As of the last look."""
        return target in self._in_force

    def _is_news(self, ended: Pause, now: datetime) -> bool:
        """The end of a destination's pause is the business of the sender that sees it first."""
        if ended.target.startswith(TO):
            return self._ledger.end_destination(ended.target.removeprefix(TO), now=now)
        return ended.target in self._in_force
