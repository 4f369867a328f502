"""The sender's loop: claim what is due to one destination, connect, send one result after the
other, record each answer at once.

Sent means that the destination said so (outlets/ has one file for each kind); where storage
commitment is asked for, that it confirms it. What failed is tried again after 30 s, 1 min, 2 min
... 15 min for 24 h, then given up with the last reason. Results lie in the spool: a peer that is
down never costs another analysis, and is tried with one batch in 30 s, whatever it is owed. A crash
between an answer and its record sends the result once more, with the same UIDs and bytes.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta

import structlog

from ich_node.config.destinations import Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets import NotSent, Outlet, Taken, open_outlet
from ich_node.deliver.outlets.commitment_user import Commitments
from ich_node.errors import ConfigError, PeerUnavailable, Unavailable
from ich_node.ledger import Delivery, LeaseLost, SenderLedger
from ich_node.network.requestor import TLS_OFF
from ich_node.notification import NotANotification
from ich_node.retention import SpoolRetention
from ich_node.spool import Spool

WAIT_SECONDS = 0.5  # for a ledger that does not answer
LEASE = timedelta(seconds=90)
# at most, to connect, be rejected or time out; before each the lease has so long to run
ONE_RESULT = timedelta(seconds=75)
MOST_IN_ONE_ASSOCIATION = 100
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
RETRY_FOR = timedelta(hours=24)

NOT_CONFIRMED = "the peer took the object, and did not confirm in time that it keeps it"

log = structlog.get_logger(__name__)


def retry_at(*, attempts: int, first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None if the time for it is over."""
    wait = min(FIRST_RETRY * 2 ** min(max(attempts - 1, 0), 10), LONGEST_RETRY)
    return now + wait if now + wait <= first_at + RETRY_FOR else None


@dataclass(frozen=True)
class Sender:
    """One process that delivers. clock is the node's; owner names this process in leases."""

    ledger: SenderLedger
    spool: Spool
    destinations: Sequence[Destination]
    ae_title: str
    _: KW_ONLY
    clock: Callable[[], datetime]
    owner: str
    stop: threading.Event
    tls: TlsSettings = TLS_OFF

    def work(self, sweeper: SpoolRetention | None = None) -> None:
        """Deliver until asked to stop, and keep the spool swept."""
        with closing(self.ledger.changes()) as news:
            while not self.stop.is_set():
                try:
                    idle = self.retry_uncommitted() + self.send_due() == 0
                    if sweeper is not None:
                        sweeper.sweep_due()
                    if idle:
                        news.wait(self.stop)
                except Unavailable as error:
                    log.warning("sender_waits", detail=error.detail)
                    self.stop.wait(WAIT_SECONDS)

    def send_due(self) -> int:
        """Claim and deliver one batch; its size. Raises Unavailable if the ledger is."""
        batch = self.ledger.claim_deliveries(
            owner=self.owner,
            now=self.clock(),
            lease=LEASE,
            limit=MOST_IN_ONE_ASSOCIATION,
            priorities={
                destination.name: destination.priority for destination in self.destinations
            },
        )
        if not batch:
            return 0
        open_ids = {delivery.id: delivery for delivery in batch}
        try:
            self._deliver(open_ids)
        except LeaseLost:
            log.warning(
                "delivery_lease_lost", destination=batch[0].destination, job_id=batch[0].job_id
            )
        except (PeerUnavailable, ConfigError) as error:
            self._retry_later(open_ids.values(), error.detail)
            self.ledger.hold(batch[0].destination, until=self.clock() + FIRST_RETRY)
        except Unavailable:
            raise
        except Exception as error:  # a bug of ours: this batch waits, the others go on
            log.exception(
                "delivery_failed", destination=batch[0].destination, job_id=batch[0].job_id
            )
            self._retry_later(open_ids.values(), f"internal error: {type(error).__name__}")
        return len(batch)

    def _deliver(self, open_ids: dict[int, Delivery]) -> None:
        """Send what is open, and take out what has been decided. Raises PeerUnavailable,
        ConfigError, LeaseLost.
        """
        batch = list(open_ids.values())
        renewed_at = self.clock()
        with self._outlet(batch[0].destination).connect(batch) as line:
            for delivery in batch:
                if self.stop.is_set():
                    self._hand_back(open_ids.values())
                    break
                held_for = self.clock() - renewed_at  # negative: the clock was put back
                if not timedelta(0) <= held_for <= LEASE - ONE_RESULT:
                    renewed_at = self.clock()
                    self.ledger.renew_deliveries(
                        list(open_ids), owner=self.owner, now=renewed_at, lease=LEASE
                    )
                try:
                    taken = line.send(delivery, self._read(delivery))
                except (NotSent, NotANotification) as error:
                    self._retry_later([delivery], error.detail)
                else:
                    self._record(delivery, taken)
                del open_ids[delivery.id]

    def _outlet(self, name: str) -> Outlet:
        destination = next(
            (destination for destination in self.destinations if destination.name == name), None
        )
        if destination is None:
            raise PeerUnavailable(f"config.toml has no destination '{name}' any more")
        commitments = Commitments(ledger=self.ledger.commitments, clock=self.clock, stop=self.stop)
        return open_outlet(
            destination,
            ae_title=self.ae_title,
            tls=self.tls,
            clock=self.clock,
            commitments=commitments,
        )

    def _read(self, delivery: Delivery) -> bytes:
        try:
            return self.spool.read(delivery.path)
        except OSError as error:
            raise NotSent(
                f"{delivery.path} cannot be read from the spool: {error.strerror}"
            ) from error

    def _record(self, delivery: Delivery, taken: Taken) -> None:
        known = {
            "destination": delivery.destination,
            "kind": delivery.kind,
            "sop_instance_uid": delivery.sop_instance_uid,
            "detail": taken.detail,
        }
        now = self.clock()
        if taken.transaction_uid is None:
            self.ledger.delivered([delivery.id], owner=self.owner, now=now, detail=taken.detail)
            log.info("delivered", **known)
            return
        # Before the question goes out: its answer may come through the listener at once.
        self.ledger.stored(
            [delivery.id],
            owner=self.owner,
            now=now,
            transaction_uid=taken.transaction_uid,
            answer_by=now + taken.answer_within,
            detail=taken.detail,
        )
        log.info("stored", **known)

    def retry_uncommitted(self) -> int:
        """Take back what a destination does not keep, or did not confirm in time; how many. Raises
        Unavailable.
        """
        batch = self.ledger.claim_uncommitted(
            owner=self.owner, now=self.clock(), lease=LEASE, limit=MOST_IN_ONE_ASSOCIATION
        )
        for delivery in batch:
            unanswered = delivery.transaction_uid is not None
            self._retry_later(
                [delivery], NOT_CONFIRMED if unanswered else delivery.detail or NOT_CONFIRMED
            )
        return len(batch)

    def _retry_later(self, deliveries: Iterable[Delivery], detail: str) -> None:
        for delivery in deliveries:
            now = self.clock()
            next_at = retry_at(attempts=delivery.attempts, first_at=delivery.first_at, now=now)
            known = {
                "destination": delivery.destination,
                "sop_instance_uid": delivery.sop_instance_uid,
                "detail": detail,
            }
            if next_at is None:
                self.ledger.give_up([delivery.id], owner=self.owner, now=now, detail=detail)
                log.error("delivery_given_up", attempts=delivery.attempts, **known)
            else:
                self.ledger.postpone(
                    [delivery.id], owner=self.owner, now=now, next_at=next_at, detail=detail
                )
                log.warning("delivery_postponed", next_at=next_at.isoformat(), **known)

    def _hand_back(self, deliveries: Iterable[Delivery]) -> None:
        now = self.clock()
        ids = [delivery.id for delivery in deliveries]
        self.ledger.postpone(
            ids, owner=self.owner, now=now, next_at=now, detail="the node was stopped"
        )
