"""The sender's loop: claim what is due to one destination, one association, one C-STORE each, record each answer at once.

Sent means 0x0000 or a warning (0xBxxx), nothing else; where storage commitment is asked for, that the peer confirms it. What
failed is tried again after 30 s, 1 min, 2 min ... 15 min for 24 h, then given up with the last reason. Results lie in the spool:
a peer that is down never costs another analysis, and is tried with one batch in 30 s, whatever it is owed. A crash between an
answer and its record sends the object once more, with the same UIDs and bytes.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import generate_uid
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.events import Event, EventHandlerType

from ich_node.commitment import PUSH_MODEL, ask, record_answer
from ich_node.config import Destination, TlsSettings
from ich_node.errors import ConfigError, IchNodeError, PeerUnavailable, Unavailable
from ich_node.jobs import Delivery, Jobs, LeaseLost
from ich_node.peers import TLS_OFF, association_with
from ich_node.spool import Spool
from ich_node.sweep import Sweeper
from ich_node.transfer_syntaxes import SENT_TRANSFER_SYNTAXES

IDLE_SECONDS = 0.5
ANSWER_SECONDS = 1.0
ANSWER_POLL_SECONDS = 0.05
LEASE = timedelta(seconds=90)  # renewed before each object; one takes at most 75 s to connect, be rejected or time out
MOST_IN_ONE_ASSOCIATION = 100
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
RETRY_FOR = timedelta(hours=24)

NOT_CONFIRMED = "the peer took the object, and did not confirm in time that it keeps it"

log = structlog.get_logger(__name__)


class NotSent(IchNodeError):
    """The peer did not take the object."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A storage commitment to be asked for: what was stored, and how long its answer may take."""

    transaction_uid: str
    seconds: float
    deliveries: list[Delivery] = field(default_factory=list)


def send_forever(
    jobs: Jobs,
    spool: Spool,
    destinations: Sequence[Destination],
    ae_title: str,
    *,
    clock: Callable[[], datetime],
    owner: str,
    stop: threading.Event,
    tls: TlsSettings = TLS_OFF,
    sweeper: Sweeper | None = None,
) -> None:
    """Deliver until stop is set, and keep the spool swept."""
    sender = Sender(jobs, spool, destinations, ae_title, clock=clock, owner=owner, stop=stop, tls=tls)
    while not stop.is_set():
        try:
            idle = sender.retry_uncommitted() + sender.send_due() == 0
            if sweeper is not None:
                sweeper.sweep_due()
        except Unavailable as error:
            log.warning("sender_waits", detail=error.detail)
            idle = True
        if idle:
            stop.wait(IDLE_SECONDS)


def retry_at(*, attempts: int, first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None if the time for it is over."""
    wait = min(FIRST_RETRY * 2 ** min(max(attempts - 1, 0), 10), LONGEST_RETRY)
    return now + wait if now + wait <= first_at + RETRY_FOR else None


class Sender:
    """Delivers one batch at a time."""

    def __init__(
        self,
        jobs: Jobs,
        spool: Spool,
        destinations: Sequence[Destination],
        ae_title: str,
        *,
        clock: Callable[[], datetime],
        owner: str,
        stop: threading.Event,
        tls: TlsSettings = TLS_OFF,
    ) -> None:
        self._jobs = jobs
        self._spool = spool
        self._destinations = {destination.name: destination for destination in destinations}
        self._ae_title = ae_title
        self._clock = clock
        self._owner = owner
        self._stop = stop
        self._tls = tls
        self._has_responded = threading.Event()

    def send_due(self) -> int:
        """Claim and deliver one batch; its size. Raises Unavailable if the ledger is."""
        batch = self._jobs.claim_deliveries(owner=self._owner, now=self._clock(), lease=LEASE, limit=MOST_IN_ONE_ASSOCIATION)
        if not batch:
            return 0
        open_ids = {delivery.id: delivery for delivery in batch}
        try:
            self._deliver(open_ids)
        except LeaseLost:
            log.warning("delivery_lease_lost", destination=batch[0].destination, job_id=batch[0].job_id)
        except (PeerUnavailable, ConfigError) as error:
            self._retry_later(open_ids.values(), error.detail)
            self._jobs.hold(batch[0].destination, until=self._clock() + FIRST_RETRY)
        except Unavailable:
            raise
        except Exception as error:  # a bug of ours: this batch waits, the others go on
            log.exception("delivery_failed", destination=batch[0].destination, job_id=batch[0].job_id)
            self._retry_later(open_ids.values(), f"internal error: {type(error).__name__}")
        return len(batch)

    def _deliver(self, open_ids: dict[int, Delivery]) -> None:
        """Send what is open, and take out what has been decided. Raises PeerUnavailable, LeaseLost."""
        batch = list(open_ids.values())
        destination = self._destinations.get(batch[0].destination)
        if destination is None:
            raise PeerUnavailable(f"config.toml has no destination '{batch[0].destination}' any more")
        calling_ae = destination.calling_ae_title or self._ae_title
        sop_classes = {delivery.sop_class_uid for delivery in batch}
        handlers: list[EventHandlerType] = []
        question = None
        if destination.storage_commitment:
            sop_classes.add(PUSH_MODEL)
            handlers += [(evt.EVT_N_EVENT_REPORT, self._on_answer), (evt.EVT_DIMSE_SENT, self._on_sent)]
            question = Question(transaction_uid=generate_uid(prefix=None), seconds=destination.commitment_timeout_seconds)
        with association_with(
            destination, calling_ae, sorted(sop_classes), SENT_TRANSFER_SYNTAXES, self._tls, handlers
        ) as association:
            for delivery in batch:
                if self._stop.is_set():
                    self._hand_back(open_ids.values())
                    break
                self._jobs.renew_deliveries(list(open_ids), owner=self._owner, now=self._clock(), lease=LEASE)
                self._send_one(association, delivery, question)
                del open_ids[delivery.id]
            if question is not None:
                self._ask_for_commitment(association, question)

    def _send_one(self, association: Association, delivery: Delivery, question: "Question | None") -> None:
        """Record what the peer says. Raises PeerUnavailable if the association is gone."""
        try:
            detail = c_store(association, self._read(delivery))
        except NotSent as error:
            self._retry_later([delivery], error.detail)
            return
        known = {"destination": delivery.destination, "sop_instance_uid": delivery.sop_instance_uid, "detail": detail}
        now = self._clock()
        if question is None:
            self._jobs.delivered([delivery.id], owner=self._owner, now=now, detail=detail)
            log.info("delivered", **known)
            return
        # Before the question goes out: its answer may come through the listener at once.
        self._jobs.stored(
            [delivery.id],
            owner=self._owner,
            now=now,
            transaction_uid=question.transaction_uid,
            answer_by=now + timedelta(seconds=question.seconds),
            detail=detail,
        )
        question.deliveries.append(delivery)
        log.info("stored", **known)

    def _ask_for_commitment(self, association: Association, question: "Question") -> None:
        """Ask, and leave the association open for a moment: some peers answer on it or not at all."""
        if not question.deliveries:
            return
        self._has_responded.set()
        try:
            ask(association, question.transaction_uid, question.deliveries)
        except PeerUnavailable as error:
            self._jobs.commitment_refused(question.transaction_uid, now=self._clock(), detail=error.detail)
            log.warning("commitment_refused", transaction_uid=question.transaction_uid, detail=error.detail)
            return
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline and self._jobs.awaits_commitment(question.transaction_uid):
            if not association.is_established or self._stop.wait(ANSWER_POLL_SECONDS):
                break
        self._has_responded.wait(ANSWER_SECONDS)

    def _on_answer(self, event: Event) -> tuple[int, None]:
        """EVT_N_EVENT_REPORT on our own association, which must not be released before the peer has our response."""
        self._has_responded.clear()
        return record_answer(event, self._jobs, self._clock)

    def _on_sent(self, event: Event) -> None:
        if isinstance(event.message, N_EVENT_REPORT_RSP):
            self._has_responded.set()

    def retry_uncommitted(self) -> int:
        """Take back what a destination does not keep, or did not confirm in time; how many. Raises Unavailable."""
        batch = self._jobs.claim_uncommitted(owner=self._owner, now=self._clock(), lease=LEASE, limit=MOST_IN_ONE_ASSOCIATION)
        for delivery in batch:
            unanswered = delivery.transaction_uid is not None
            self._retry_later([delivery], NOT_CONFIRMED if unanswered else delivery.detail or NOT_CONFIRMED)
        return len(batch)

    def _read(self, delivery: Delivery) -> Dataset:
        try:
            return dcmread(BytesIO(self._spool.read(delivery.path)))
        except OSError as error:
            raise NotSent(f"{delivery.path} cannot be read from the spool: {error.strerror}") from error
        except InvalidDicomError as error:
            raise NotSent(f"{delivery.path} in the spool is not a DICOM file") from error

    def _retry_later(self, deliveries: Iterable[Delivery], detail: str) -> None:
        for delivery in deliveries:
            now = self._clock()
            next_at = retry_at(attempts=delivery.attempts, first_at=delivery.first_at, now=now)
            known = {"destination": delivery.destination, "sop_instance_uid": delivery.sop_instance_uid, "detail": detail}
            if next_at is None:
                self._jobs.give_up([delivery.id], owner=self._owner, now=now, detail=detail)
                log.error("delivery_given_up", attempts=delivery.attempts, **known)
            else:
                self._jobs.postpone([delivery.id], owner=self._owner, now=now, next_at=next_at, detail=detail)
                log.warning("delivery_postponed", next_at=next_at.isoformat(), **known)

    def _hand_back(self, deliveries: Iterable[Delivery]) -> None:
        now = self._clock()
        ids = [delivery.id for delivery in deliveries]
        self._jobs.postpone(ids, owner=self._owner, now=now, next_at=now, detail="the node was stopped")


def _decompress_for(association: Association, ds: Dataset) -> None:
    """A peer that does not take compressed pixels gets the same ones as they are, under the same UID."""
    syntax = ds.file_meta.TransferSyntaxUID
    taken = [context.transfer_syntax[0] for context in association.accepted_contexts if context.abstract_syntax == ds.SOPClassUID]
    if taken and syntax.is_compressed and syntax not in taken:
        ds.decompress(generate_instance_uid=False)


def c_store(association: Association, ds: Dataset) -> str:
    """Send one object; the warning in words, or nothing.

    Raises NotSent if the peer refuses this object, PeerUnavailable if the association is gone.
    """
    if not association.is_established:
        raise PeerUnavailable("the association ended before this object")
    _decompress_for(association, ds)
    try:
        answer = association.send_c_store(ds)
    except ValueError as error:
        raise NotSent(f"the peer accepts no presentation context for {ds.SOPClassUID.name}") from error
    except RuntimeError as error:
        raise PeerUnavailable("the association ended before this object") from error
    if "Status" not in answer:
        raise PeerUnavailable("the peer did not answer C-STORE, or broke the association")
    words = f"status 0x{answer.Status:04X}" + (f" ({answer.ErrorComment})" if "ErrorComment" in answer else "")
    if answer.Status == 0x0000:
        return ""
    if answer.Status >> 12 == 0xB:
        return f"taken with warning: {words}"
    raise NotSent(f"the peer refuses the object: {words}")
