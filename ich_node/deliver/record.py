"""Writes what became of deliveries into the ledger and the log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from ich_node.deliver.outlets import AwaitsCommitment, NotSent, Outcome, Sent
from ich_node.deliver.retry import retry_at
from ich_node.ledger import Delivery, SenderLedger
from ich_node.ledger.counts import DELIVERIES, SEND_FAILURES, Tally

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliveryRecord:
    """owner: who holds the leases of the deliveries. heard: is told the name of a destination that
    took something. Every method raises LeaseLost, Unavailable.
    """

    ledger: SenderLedger
    clock: Callable[[], datetime]
    owner: str
    counts: Tally
    heard: Callable[[str], None]

    def outcome(self, delivery: Delivery, outcome: Outcome) -> None:
        """What the destination answered."""
        match outcome:
            case Sent():
                self._sent(delivery, outcome)
            case AwaitsCommitment():
                self._awaits_commitment(delivery, outcome)
            case NotSent():
                self.failed([delivery], outcome.reason)

    def _sent(self, delivery: Delivery, outcome: Sent) -> None:
        now, detail = self.clock(), outcome.warning
        self.ledger.delivered([delivery.id], owner=self.owner, now=now, detail=detail)
        self._count_taken(delivery)
        log.info("delivered", kind=delivery.kind, **_known(delivery, detail))

    def _awaits_commitment(self, delivery: Delivery, outcome: AwaitsCommitment) -> None:
        """Before the request for commitment is sent: the listener may get its answer at once."""
        now, detail = self.clock(), outcome.warning
        self.ledger.stored(
            [delivery.id],
            owner=self.owner,
            now=now,
            transaction_uid=outcome.transaction_uid,
            answer_by=now + outcome.answer_within,
            detail=detail,
        )
        self._count_taken(delivery)
        log.info("delivery_awaits_commitment", kind=delivery.kind, **_known(delivery, detail))

    def _count_taken(self, delivery: Delivery) -> None:
        self.counts.add(DELIVERIES, destination=delivery.destination)
        self.heard(delivery.destination)

    def failed(self, deliveries: Iterable[Delivery], reason: str) -> None:
        """Try them again later, or give them up if their time is over. Those of one job and
        destination that share this fate are one event and one line of the log, however many objects
        wait.
        """
        now = self.clock()
        alike: dict[tuple[int, str, datetime | None], list[Delivery]] = {}
        for delivery in deliveries:
            next_at = retry_at(attempts=delivery.attempts, first_at=delivery.first_at, now=now)
            same_fate = (delivery.job_id, delivery.destination, next_at)
            alike.setdefault(same_fate, []).append(delivery)
        for (job_id, _, next_at), batch in alike.items():
            ids = [delivery.id for delivery in batch]
            known = {"objects": len(batch), "job_id": job_id} | _known(batch[0], reason)
            if len(batch) > 1:
                del known["sop_instance_uid"]
            self.counts.add(SEND_FAILURES, len(batch), destination=batch[0].destination)
            if next_at is None:
                self.ledger.give_up(ids, owner=self.owner, now=now, detail=reason)
                attempts = max(delivery.attempts for delivery in batch)
                log.error("delivery_given_up", attempts=attempts, **known)
            else:
                self.ledger.postpone(ids, owner=self.owner, now=now, next_at=next_at, detail=reason)
                log.warning("delivery_postponed", next_at=next_at.isoformat(), **known)

    def handed_back(self, deliveries: Iterable[Delivery]) -> None:
        """They are due again at once: this process was told to stop."""
        now, ids = self.clock(), [delivery.id for delivery in deliveries]
        self.ledger.postpone(
            ids, owner=self.owner, now=now, next_at=now, detail="the node was stopped"
        )


def _known(delivery: Delivery, detail: str) -> dict[str, str]:
    return {
        "destination": delivery.destination,
        "sop_instance_uid": delivery.sop_instance_uid,
        "detail": detail,
    }
