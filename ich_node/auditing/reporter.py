"""What the journal has and the audit record repository does not is sent, in order, until it is
there.
"""

import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ich_node.auditing.kinds import SUCCESS, outcome_of
from ich_node.auditing.message import AuditSource, audit_message
from ich_node.auditing.syslog import SECONDS, Repository, syslog_message
from ich_node.errors import ConfigError, PeerUnavailable, Unavailable
from ich_node.ledger.audit import AuditEvent, AuditLedger

MOST_IN_ONE_CONNECTION = 100
LEASE = timedelta(seconds=6 * SECONDS)  # a batch has no more waits than that

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class AuditReporter:
    """repository: None: there is none, and events only stay in the journal."""

    ledger: AuditLedger
    source: AuditSource
    repository: Repository | None
    _is_away: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def begin(self, now: datetime) -> int:
        """Report in a thread, for a repository may take its time; 0: it is not known how many.
        Raises Unavailable.
        """
        if self.repository is None:
            self.ledger.report_none(now=now)
        elif self._thread is None or not self._thread.is_alive():
            # with the context of this thread: the log's lines then name the process
            self._thread = threading.Thread(
                target=copy_context().run, args=(self._work, now), name="audit", daemon=True
            )
            self._thread.start()
        return 0

    def _work(self, now: datetime) -> None:
        try:
            self.report(now)
        except Unavailable as error:
            log.warning("journal_not_reported", detail=error.detail)
        except Exception:  # a bug of ours: it is tried again with the next events
            log.exception("journal_not_reported")

    def report(self, now: datetime) -> int:
        """How many events were sent. Raises Unavailable if the ledger does not answer."""
        assert self.repository is not None
        count = 0
        while events := self.ledger.claim_unreported(
            now=now, lease=LEASE, limit=MOST_IN_ONE_CONNECTION
        ):
            if not self._is_sent(self.repository, events):
                break
            self.ledger.reported([event.id for event in events], now=now)
            count += len(events)
        return count

    def _is_sent(self, repository: Repository, events: list[AuditEvent]) -> bool:
        """One line of the log when it begins to fail, and one when it works again."""
        try:
            repository.send([self._written(event) for event in events])
        except (PeerUnavailable, ConfigError) as error:
            if not self._is_away:
                log.warning("audit_repository_unavailable", detail=error.detail)
            self._is_away = True
            self.ledger.not_reported([event.id for event in events])
            return False
        if self._is_away:
            log.info("audit_repository_available")
        self._is_away = False
        return True

    def _written(self, event: AuditEvent) -> bytes:
        return syslog_message(
            audit_message(event, self.source),
            at=event.at,
            host=self.source.host,
            is_alert=outcome_of(event) != SUCCESS,
        )
