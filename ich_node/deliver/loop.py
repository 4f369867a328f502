"""The sender's loop: claim what is due to one destination, connect, send one result after the
other, and record each answer at once.

A result counts as sent when the destination says so (outlets/ has a file for each kind) or, where
storage commitment is asked for, when it confirms that it keeps the object. Results are in the
spool: a peer that is down never costs another analysis. It is tried with one batch in 30 s,
however much it is owed. After a crash between an answer and its record the result is sent once
more, with the same UIDs and bytes.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import structlog

from ich_node.config.destinations import Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets import Connection, NotSent, Outcome, Outlet, open_outlet
from ich_node.deliver.outlets.commitment_user import ANSWER_SECONDS, CommitmentRequests
from ich_node.deliver.record import DeliveryRecord
from ich_node.deliver.retry import FIRST_RETRY
from ich_node.errors import ConfigError, PeerUnavailable, Unavailable
from ich_node.ledger import Delivery, LeaseLost, SenderLedger
from ich_node.ledger.counts import Tally
from ich_node.ledger.pause_watch import PauseWatch
from ich_node.ledger.pauses import TO
from ich_node.network.requestor import TLS_OFF
from ich_node.notification import NotANotification
from ich_node.spool import Spool

WAIT_SECONDS = 0.5  # for a ledger that does not answer
LEASE = timedelta(seconds=90)
# The longest that connecting, being rejected or timing out takes. Before each result the lease
# must have at least this long to run.
ONE_RESULT = timedelta(seconds=75)
MOST_IN_ONE_ASSOCIATION = 100

NOT_CONFIRMED = "the peer took the object, and did not confirm in time that it keeps it"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sender:
    """One process that delivers.

    clock: the time, with a zone. owner: the name of this process in leases. stop: ends `work`, and
    a batch after the result under way. turn: ends `work` after the batch (default: stop).
    commitment_answer_seconds: how long an association stays open for the answer to a request for
    storage commitment. heard: is told the name of a destination that took something.
    """

    ledger: SenderLedger
    spool: Spool
    destinations: Sequence[Destination]
    ae_title: str
    clock: Callable[[], datetime]
    owner: str
    stop: threading.Event
    turn: threading.Event | None = None
    tls: TlsSettings = TLS_OFF
    commitment_answer_seconds: float = ANSWER_SECONDS
    counts: Tally = field(default_factory=Tally)
    heard: Callable[[str], None] = lambda _: None

    @property
    def record(self) -> DeliveryRecord:
        return DeliveryRecord(
            ledger=self.ledger,
            clock=self.clock,
            owner=self.owner,
            counts=self.counts,
            heard=self.heard,
        )

    @cached_property
    def pauses(self) -> PauseWatch:
        return PauseWatch(ledger=self.ledger.pauses, concerns=lambda target: target.startswith(TO))

    def work(self) -> None:
        """Deliver until `stop` or `turn` is set."""
        turn = self.turn or self.stop
        with closing(self.ledger.changes()) as changes:
            while not turn.is_set():
                try:
                    self.pauses.look(self.clock())
                    if self.retry_uncommitted() + self.send_due() == 0:
                        changes.wait(turn)
                except Unavailable as error:
                    log.warning("sender_waits", detail=error.detail)
                    turn.wait(WAIT_SECONDS)

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
        if batch:
            try:
                self._deliver(batch)
            except LeaseLost:
                log.warning("delivery_lease_lost", **_known(batch))
        return len(batch)

    def _deliver(self, batch: Sequence[Delivery]) -> None:
        """Send a batch to its destination, and record what becomes of each delivery. Raises
        LeaseLost, Unavailable.
        """
        undecided = {delivery.id: delivery for delivery in batch}
        try:
            self._send(undecided)
        except (PeerUnavailable, ConfigError) as error:
            self.record.failed(undecided.values(), error.detail)
            self.ledger.pause_destination(batch[0].destination, until=self.clock() + FIRST_RETRY)
        except (LeaseLost, Unavailable):
            raise
        except Exception as error:  # a bug of ours: this batch waits, the others go on
            log.exception("delivery_failed", **_known(batch))
            self.record.failed(undecided.values(), f"internal error: {type(error).__name__}")

    def _send(self, undecided: dict[int, Delivery]) -> None:
        """Send the deliveries over one connection, and take out of `undecided` each whose outcome
        is recorded. Raises PeerUnavailable, ConfigError, LeaseLost, Unavailable.
        """
        batch = list(undecided.values())
        renewed_at = self.clock()
        with self._outlet(batch[0].destination).connect(batch) as connection:
            for delivery in batch:
                if self.stop.is_set():
                    self.record.handed_back(undecided.values())
                    break
                held_for = self.clock() - renewed_at  # negative: the clock was set back
                if not timedelta(0) <= held_for <= LEASE - ONE_RESULT:
                    renewed_at = self.clock()
                    self.ledger.renew_deliveries(
                        list(undecided), owner=self.owner, now=renewed_at, lease=LEASE
                    )
                self.record.outcome(delivery, self._send_one(delivery, connection))
                del undecided[delivery.id]

    def _send_one(self, delivery: Delivery, connection: Connection) -> Outcome:
        try:
            data = self.spool.read(delivery.path)
        except OSError as error:
            reason = f"{delivery.path} cannot be read from the spool: {error.strerror}"
            return NotSent(reason=reason)
        try:
            return connection.send(delivery, data)
        except NotANotification as error:
            return NotSent(reason=error.detail)

    def _outlet(self, name: str) -> Outlet:
        destination = next((each for each in self.destinations if each.name == name), None)
        if destination is None:
            raise PeerUnavailable(f"config.toml has no destination '{name}' any more")
        commitments = CommitmentRequests(
            ledger=self.ledger.commitments,
            clock=self.clock,
            stop=self.stop,
            answer_seconds=self.commitment_answer_seconds,
        )
        return open_outlet(
            destination,
            ae_title=self.ae_title,
            tls=self.tls,
            clock=self.clock,
            commitments=commitments,
        )

    def retry_uncommitted(self) -> int:
        """Take back what a destination does not keep, or did not confirm in time; how many. Raises
        Unavailable.
        """
        batch = self.ledger.claim_uncommitted(
            owner=self.owner, now=self.clock(), lease=LEASE, limit=MOST_IN_ONE_ASSOCIATION
        )
        by_reason: dict[str, list[Delivery]] = {}
        for delivery in batch:
            is_unanswered = delivery.transaction_uid is not None
            refusal = None if is_unanswered else delivery.detail
            by_reason.setdefault(refusal or NOT_CONFIRMED, []).append(delivery)
        for reason, deliveries in by_reason.items():
            self.record.failed(deliveries, reason)
        return len(batch)


def _known(batch: Sequence[Delivery]) -> dict[str, str | int]:
    """All of a batch goes to one destination and is of one job."""
    return {"destination": batch[0].destination, "job_id": batch[0].job_id}
