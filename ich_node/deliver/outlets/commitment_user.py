"""Storage commitment towards a destination: requested on the association that stored the objects,
answered on it or, later, to the listener.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.events import Event, EventHandlerType

from ich_node.errors import PeerUnavailable
from ich_node.ledger import CommitmentLedger, Delivery
from ich_node.network.storage_commitment import ask, record_answer

ANSWER_SECONDS = 1.0
ANSWER_POLL_SECONDS = 0.05
RESPONSE_SECONDS = 1.0  # until our response to the answer is sent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CommitmentRequests:
    """Requests storage commitment, and records an answer that comes on the same association.

    answer_seconds: how long the association stays open for it.
    """

    ledger: CommitmentLedger
    clock: Callable[[], datetime]
    stop: threading.Event
    answer_seconds: float = ANSWER_SECONDS
    _has_responded: threading.Event = field(default_factory=threading.Event)

    def handlers(self) -> list[EventHandlerType]:
        """For the association on which `request` will be called."""
        return [(evt.EVT_N_EVENT_REPORT, self._on_answer), (evt.EVT_DIMSE_SENT, self._on_sent)]

    def request(
        self, association: Association, *, transaction_uid: str, stored: Collection[Delivery]
    ) -> None:
        """Send the request, then keep the association open for a moment: some peers answer on it
        or not at all. A request that the peer refuses is recorded.
        """
        if not stored:
            return
        self._has_responded.set()
        try:
            ask(association, transaction_uid, stored)
        except PeerUnavailable as error:
            self.ledger.commitment_refused(transaction_uid, now=self.clock(), detail=error.detail)
            log.warning("commitment_refused", transaction_uid=transaction_uid, detail=error.detail)
            return
        deadline = time.monotonic() + self.answer_seconds
        while time.monotonic() < deadline and self.ledger.awaits_commitment(transaction_uid):
            if not association.is_established or self.stop.wait(ANSWER_POLL_SECONDS):
                break
        self._has_responded.wait(RESPONSE_SECONDS)

    def _on_answer(self, event: Event) -> tuple[int, None]:
        """EVT_N_EVENT_REPORT on our own association, which must not be released before the peer
        has our response.
        """
        self._has_responded.clear()
        return record_answer(event, record=self.ledger.commitment_answered, clock=self.clock)

    def _on_sent(self, event: Event) -> None:
        if isinstance(event.message, N_EVENT_REPORT_RSP):
            self._has_responded.set()
