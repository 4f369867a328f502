"""Writes into the ledger how the attempt to read a job ended: with an outcome, or with an error."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
import torch

from ich_node.analyse.interrupted import Interrupted
from ich_node.analyse.outcome import JobHeld, JobSetAside, Outcome, ReadJob, RefusedJob
from ich_node.answer import Answer
from ich_node.config.destinations import Destination
from ich_node.errors import BundleError, ReportError, Unavailable
from ich_node.ledger import AnalyserLedger, Job, JobState, Lane, LeaseLost
from ich_node.ledger.counts import INFERENCE_SECONDS, RECEIVE_TO_RESULT_SECONDS, SERIES, Tally
from ich_node.model.engines.gpu_errors import device_lost, first_line
from ich_node.notification import KIND
from ich_node.report import unread_part

RETRY = timedelta(seconds=30)
GPU_LOST = "GPU lost"
# Reasons that the counts have, and the ledger says in other words.
ANOTHER, SITE_RULE = "another_reconstruction", "site_rule"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobRecorder:
    """max_attempts: for the log; the ledger counts. Every method raises LeaseLost, Unavailable."""

    ledger: AnalyserLedger
    destinations: Sequence[Destination]
    max_attempts: int
    clock: Callable[[], datetime]
    counts: Tally

    def record_outcome(self, job: Job, outcome: Outcome, *, seconds: float) -> None:
        """Ends the job and owes its results to the destinations that want them.

        One transaction does both: a crash before it repeats the work and makes the same objects
        (their UIDs and bytes follow from the input), a crash after it changes nothing.
        """
        match outcome:
            case ReadJob():
                self._record_reading(job, outcome, seconds=seconds)
            case RefusedJob():
                self._record_refusal(job, outcome)
            case JobSetAside():
                self._record_set_aside(job, outcome)
            case JobHeld():
                self._record_hold(job, outcome)

    def record_error(self, job: Job, error: Exception) -> None:
        """To be called while the error is handled. Returns if the analyser can go on with the next
        job.

        Raises the error if no job could be read after it either: DeviceLost for a GPU that fails,
        Unavailable; and LeaseLost, for then the job is not ours to end.
        """
        match error:
            case LeaseLost():
                raise error
            case Interrupted():
                self._release(job, why=str(error))
            case ReportError():
                self._fail_at_once(job, "not_reportable", error.detail)
            case BundleError():
                self._fail_at_once(job, "bundle", error.detail)
            case torch.AcceleratorError():
                # if this fails, the lease runs out and gives the job back
                with suppress(LeaseLost, Unavailable):
                    self._record_lost_gpu(job, error)
                raise device_lost(error) from error
            case Unavailable():
                # a full disk, a ledger that does not answer: not the fault of the series, which is
                # never set aside for it
                self._release(job, why=error.detail)
                raise error
            case OSError():
                self._fail_attempt(job, "unavailable", str(error))
            case _:
                # a bug: logged with its traceback, counted as an attempt, and the queue goes on
                log.exception("reading_crashed")
                kind, at = type(error).__name__, self.clock().isoformat()
                self._fail_attempt(job, "crashed", f"{kind}: see the log at {at}")

    def _record_reading(self, job: Job, outcome: ReadJob, *, seconds: float) -> None:
        reading = outcome.reading
        self.ledger.finish(
            job,
            now=self.clock(),
            answer=reading.answer,
            series_probability=reading.series_probability,
            bundle_sha256=reading.bundle.sha256,
            results=outcome.written.results,
            detail=_words(outcome),
            replaces=outcome.telling.replaces,
            in_favour_of=outcome.telling.in_favour_of,
            rule=outcome.rule,
            destinations=self._recipients(job, outcome),
            notify=self._notified(job, outcome),
            scan=outcome.scan,
            map_file=outcome.map_file,
        )
        outcome.choice.routes.warn(job)
        self.counts.add(SERIES, outcome=reading.answer, reason="")
        self.counts.observe(INFERENCE_SECONDS, outcome.inference_seconds)
        if job.lane is not Lane.AGAIN:
            waited = self.clock() - job.last_received_at
            self.counts.observe(RECEIVE_TO_RESULT_SECONDS, waited.total_seconds())
        log.info(
            "series_read",
            answer=reading.answer,
            series_probability=round(reading.series_probability, 4),
            slices=len(reading.slices),
            left_out=len(reading.left_out),
            shift_hu=round(reading.shift_hu, 1),
            told=outcome.telling.told,
            results=len(outcome.written.results),
            seconds=round(seconds, 2),
        )

    def _record_refusal(self, job: Job, outcome: RefusedJob) -> None:
        reason, detail = outcome.refusal.reason, outcome.refusal.detail
        self.ledger.refuse(
            job,
            now=self.clock(),
            reason=reason,
            detail=detail,
            rule=outcome.refusal.rule or None,
            scan=outcome.scan,
        )
        self.counts.add(SERIES, outcome=JobState.REFUSED.lower(), reason=reason)
        log.info("series_refused", reason=reason, detail=detail)

    def _record_set_aside(self, job: Job, outcome: JobSetAside) -> None:
        instead = outcome.instead
        self.ledger.set_aside(
            job, now=self.clock(), in_favour_of=instead.in_favour_of, detail=instead.words
        )
        self.counts.add(SERIES, outcome=JobState.SET_ASIDE.lower(), reason=ANOTHER)
        log.info("series_set_aside", in_favour_of=instead.in_favour_of, detail=instead.words)

    def _record_hold(self, job: Job, outcome: JobHeld) -> None:
        rule, now = outcome.rule, self.clock()
        until = now + timedelta(minutes=rule.hold_minutes)
        self.ledger.hold(job, now=now, until=until, rule=rule.name, detail=rule.sentence)
        self.counts.add(SERIES, outcome=JobState.HELD.lower(), reason=SITE_RULE)
        log.info("series_held", rule=rule.name, until=until.isoformat())

    def _recipients(self, job: Job, outcome: ReadJob) -> list[str]:
        """The names of those who get the objects."""
        telling = outcome.telling
        if not telling.told:
            return []
        earlier = self.ledger.earlier_destinations(job, "object", replaces=telling.replaces)
        return [
            each.name
            for each in self.destinations
            if each.gets == "objects"
            and outcome.choice.routes.allow(each.name, job)
            and each.should_receive(
                is_negative=outcome.reading.answer is Answer.ABSENT, earlier_destinations=earlier
            )
        ]

    def _notified(self, job: Job, outcome: ReadJob) -> dict[str, list[str]]:
        """The names of those who get each notification: it speaks of the study."""
        choice, telling = outcome.choice, outcome.telling
        if not telling.told:
            return {}
        earlier = self.ledger.earlier_destinations(job, KIND, replaces=telling.replaces)
        by_name = {each.name: each for each in self.destinations}

        def wants(name: str) -> bool:
            answer, _ = telling.study_answer.among(choice.routes.shown_to(name, choice.study))
            return by_name[name].should_receive(
                is_negative=answer is Answer.ABSENT, earlier_destinations=earlier
            )

        return {
            uid: [name for name in names if wants(name)]
            for uid, names in outcome.written.notify.items()
        }

    def _release(self, job: Job, *, why: str) -> None:
        """Gives the job back; the attempt does not count."""
        self.ledger.release(job, now=self.clock(), why=why)
        log.info("job_released", why=why)

    def _fail_at_once(self, job: Job, reason: str, detail: str) -> None:
        """No retry: the series would have to change first."""
        self._fail(job, reason, detail, retry_at=None)
        log.error("job_failed", reason=reason, detail=detail)

    def _fail_attempt(self, job: Job, reason: str, detail: str) -> None:
        """Tally the attempt; the ledger retries the job or, after the last attempt, fails it."""
        self._fail(job, reason, detail, retry_at=self.clock() + RETRY)
        log.error(
            "attempt_failed",
            reason=reason,
            detail=detail,
            attempt=job.attempts,
            max_attempts=self.max_attempts,
        )

    def _fail(self, job: Job, reason: str, detail: str, *, retry_at: datetime | None) -> None:
        now = self.clock()
        if self.ledger.fail(job, now=now, reason=reason, detail=detail, retry_at=retry_at):
            self.counts.add(SERIES, outcome=JobState.FAILED.lower(), reason=reason)

    def _record_lost_gpu(self, job: Job, error: torch.AcceleratorError) -> None:
        """The first time is taken for the GPU's fault and does not count; a series that loses the
        GPU again is counted, or it would keep the node from reading for ever.
        """
        detail = f"{GPU_LOST}: {first_line(error)}"
        if any(GPU_LOST in event.detail for event in self.ledger.events(job.id)):
            self._fail_attempt(job, "device", detail)
        else:
            self._release(job, why=detail)


def _words(outcome: ReadJob) -> str | None:
    """What people should know about the answer: why nobody is told or what it replaces, what of the
    head is missing and where, warnings.
    """
    reading = outcome.reading
    words = [
        outcome.telling.words,
        *(unread_part(part).sentence() for part in reading.missing),
        *(warning.detail for warning in reading.warnings),
    ]
    return "; ".join(each.rstrip(". ") for each in words if each) or None
