"""The analyser's loop: claim a job, read its series, detect, report, finish. A Refusal is an
answer; a crash is an attempt.

While no series is complete it looks at those that still arrive: their reading is begun, and all
that is left at the end is what came last, and the report. A reading is interrupted for a series of
an earlier lane, and goes on after it where it was.

One transaction marks the job DONE, keeps its results and adds what is owed to each destination: a
crash before it repeats the work and makes the same objects (their UIDs and bytes follow from the
input), a crash after it changes nothing.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from threading import Event

import structlog
import torch

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.analyse.reader import Interrupted, Reader
from ich_node.analyse.results import JobResults
from ich_node.config.destinations import Destination
from ich_node.config.settings import AnalysisSettings
from ich_node.detection.reading import Reading
from ich_node.errors import BundleError, DeviceLost, Refusal, ReportError, TooLarge, Unavailable
from ich_node.ledger import AnalyserLedger, Job, LeaseLost, Result
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import choose_device, first_line, load_engine
from ich_node.report import ReportOptions
from ich_node.spool import Spool

RETRY = timedelta(seconds=30)
RENEWALS_PER_LEASE = 4
LOST = "GPU lost"
STOPS = "the process stops"
OVERTAKEN = "a series of an earlier lane is ready"

log = structlog.get_logger(__name__)


class Refused(Exception):
    """A Refusal, with the document that says so."""

    def __init__(self, refusal: Refusal, results: Sequence[Result]) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.results = results


@dataclass(frozen=True, kw_only=True)
class Analyser:
    """One process that reads. clock is the node's; owner names this process in leases."""

    ledger: AnalyserLedger
    spool: Spool
    shelf: ActiveBundle
    settings: AnalysisSettings
    options: ReportOptions
    destinations: Sequence[Destination]
    owner: str
    clock: Callable[[], datetime]
    stop: Event

    @cached_property
    def reader(self) -> Reader:
        """It remembers, from one job to the next."""
        return Reader(self.ledger, self.spool, self.clock)

    def work(self) -> None:
        """Read job after job until asked to stop.

        Raises DeviceLost: only a new process gets the GPU back; ConfigError if the engine is not
        installed.
        """
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        log.info("analyser_started", device=self.settings.device, threads=torch.get_num_threads())
        detector: Detector | None = None
        with closing(self.ledger.changes()) as news:
            while not self.stop.is_set():
                try:
                    bundle = self.shelf.current()
                    if detector is None or detector.bundle is not bundle:
                        detector = self._load(bundle)
                    if not (self.work_once(detector) or self.look_once(detector)):
                        self.reader.tidy()
                        news.wait(self.stop)
                except (BundleError, Unavailable) as error:
                    # no job was claimed, or it has been given back: without a model or a ledger all
                    # of them wait
                    log.error("analyser_waits", error=type(error).__name__, detail=error.detail)
                    self.stop.wait(RETRY.total_seconds())

    def work_once(self, detector: Detector) -> bool:
        """Claim one job and bring it to an end; False if none is ready.

        Raises Unavailable if the ledger does not answer or the spool is full, DeviceLost.
        """
        job = self.ledger.claim(
            owner=self.owner,
            now=self.clock(),
            lease=self._lease,
            max_attempts=self.settings.max_attempts,
        )
        if job is None:
            return False
        with structlog.contextvars.bound_contextvars(
            job=job.id, series_instance_uid=job.series_instance_uid, revision=job.revision
        ):
            try:
                self._end(job, detector)
            except LeaseLost as lost:
                log.warning("lease_lost", detail=lost.detail)
        return True

    def look_once(self, detector: Detector) -> bool:
        """Begin the reading of a series that still arrives; False if none has grown. Raises
        Unavailable, DeviceLost.
        """
        now = self.clock()
        job = self.ledger.previews.claim(now=now, until=now + self._lease)
        if job is None:
            return False
        with structlog.contextvars.bound_contextvars(
            job=job.id, series_instance_uid=job.series_instance_uid
        ):
            try:
                reading = self.reader.read_ahead(job, detector, self._look_up)
                log.info("series_looked_at", objects=job.objects, positive=reading.positive)
                self.ledger.previews.finish(job, objects=job.objects, suspected=reading.positive)
            # not whole yet, or not ours to read: that is said when it is complete
            except Refusal as refusal:
                log.debug("look_in_vain", reason=refusal.reason)
                self.ledger.previews.finish(job, objects=job.objects, suspected=False)
            except Interrupted:
                self.ledger.previews.release(job)
            except torch.AcceleratorError as error:
                raise DeviceLost(f"the GPU does not work any more: {first_line(error)}") from error
            except Unavailable:
                raise
            # the edge: the reading will meet it again, and count it as a try. Until then nobody
            # looks again
            except Exception:
                log.exception("look_crashed")
        return True

    def _look_up(self) -> None:
        """Between the steps of a look: a series that is complete comes first."""
        if self.stop.is_set():
            raise Interrupted(STOPS)
        if self.ledger.is_any_ready(now=self.clock()):
            raise Interrupted(OVERTAKEN)

    def _load(self, bundle: Bundle) -> Detector:
        device = (
            "cpu" if self.settings.engine == "openvino" else choose_device(self.settings.device)
        )
        choice = load_engine(bundle, self.settings.engine, device)
        if choice.objection:
            log.warning("engine_not_used", detail=choice.objection)
        log.info(
            "bundle_loaded",
            name=bundle.name,
            sha256=bundle.sha256,
            device=device,
            engine=choice.engine.name,
        )
        return Detector(bundle, choice.engine)

    def _end(self, job: Job, detector: Detector) -> None:
        """Every way a reading can end. Raises LeaseLost, Unavailable, DeviceLost."""
        began = time.monotonic()
        try:
            reading, results = self._read(job, detector)
        except Refused as refused:
            refusal = refused.refusal
            self.ledger.refuse(
                job,
                now=self.clock(),
                reason=refusal.reason,
                detail=refusal.detail,
                results=refused.results,
                **self._owed_to(job, positive=False),
            )
            log.info(
                "series_refused",
                reason=refusal.reason,
                detail=refusal.detail,
                results=len(refused.results),
            )
        except ReportError as error:
            # the series will not change by itself: no second try
            self.ledger.fail(
                job, now=self.clock(), reason="not_reportable", detail=error.detail, retry_at=None
            )
            log.error("reading_not_reportable", detail=error.detail)
        except Interrupted as interruption:
            self.ledger.release(job, now=self.clock(), why=str(interruption))
            log.info("job_released", why=str(interruption))
        except LeaseLost:
            raise
        except torch.AcceleratorError as error:
            # then the lease gives the job back, or has done so
            with suppress(LeaseLost, Unavailable):
                self._give_back_lost(job, error)
            raise DeviceLost(f"the GPU does not work any more: {first_line(error)}") from error
        except Unavailable as error:
            # a full disk, a ledger that does not answer: no series is to be set aside for that,
            # however long it lasts
            self.ledger.release(job, now=self.clock(), why=error.detail)
            raise
        except OSError as error:
            self._fail(job, "unavailable", str(error))
        # the edge: what nobody foresaw is logged once, counted, and does not stop the queue
        except Exception as bug:
            log.exception("reading_crashed")
            self._fail(
                job, "crashed", f"{type(bug).__name__}: see the log at {self.clock().isoformat()}"
            )
        else:
            self.ledger.finish(
                job,
                now=self.clock(),
                positive=reading.positive,
                series_probability=reading.series_probability,
                bundle_sha256=reading.bundle.sha256,
                results=results,
                **self._owed_to(job, positive=reading.positive),
            )
            log.info(
                "series_read",
                positive=reading.positive,
                series_probability=round(reading.series_probability, 4),
                slices=len(reading.slices),
                left_out=len(reading.left_out),
                shift_hu=round(reading.shift_hu, 1),
                results=len(results),
                seconds=round(time.monotonic() - began, 2),
            )

    def _fail(self, job: Job, reason: str, detail: str) -> None:
        now = self.clock()
        self.ledger.fail(job, now=now, reason=reason, detail=detail, retry_at=now + RETRY)
        log.error(
            "try_failed",
            reason=reason,
            detail=detail,
            attempt=job.attempts,
            of=self.settings.max_attempts,
        )

    def _give_back_lost(self, job: Job, error: torch.AcceleratorError) -> None:
        """It is the GPU's fault, not the series', and no try; unless the GPU is lost over this
        series again and again.
        """
        now, detail = self.clock(), f"{LOST}: {first_line(error)}"
        if any(LOST in event.detail for event in self.ledger.events(job.id)):
            self._fail(job, "device", detail)
        else:
            self.ledger.release(job, now=now, why=detail)
            log.error("job_released", why=detail)

    def _read(self, job: Job, detector: Detector) -> tuple[Reading, list[Result]]:
        results, look_up = self._results(job, detector), self._lease_keeper(job)
        try:
            objects = self.reader.fetch(job, look_up)
        except TooLarge as refusal:
            raise Refused(refusal, results.of_refusal([], "", refusal)) from refusal
        try:
            series, reading = self.reader.read(objects, detector, look_up)
        except Refusal as refusal:
            raise Refused(
                refusal, results.of_refusal(objects.datasets, objects.digest, refusal)
            ) from refusal
        return reading, results.of_reading(series, objects.datasets, objects.digest, reading)

    def _results(self, job: Job, detector: Detector) -> JobResults:
        return JobResults(
            job=job,
            ledger=self.ledger,
            spool=self.spool,
            detector=detector,
            options=self.options,
            with_notification=any(
                destination.gets == "notifications" for destination in self.destinations
            ),
            at=job.content_at or self.clock(),
        )

    def _owed_to(self, job: Job, *, positive: bool) -> dict[str, list[str]]:
        """Who gets the objects, and who the notification."""
        told_before = self.ledger.told_before(job)
        wanting = [
            each
            for each in self.destinations
            if each.wants(positive=positive, told_before=told_before)
        ]
        return {
            "destinations": [each.name for each in wanting if each.gets == "objects"],
            "notify": [each.name for each in wanting if each.gets == "notifications"],
        }

    def _lease_keeper(self, job: Job) -> Callable[[], None]:
        """Called between steps: keeps the lease; raises Interrupted if the process is to stop, or
        another series goes first.
        """
        renewed_at = self.clock()

        def keep_lease() -> None:
            nonlocal renewed_at
            if self.stop.is_set():
                raise Interrupted(STOPS)
            if self.ledger.is_overtaken(job, now=self.clock()):
                raise Interrupted(OVERTAKEN)
            held_for = self.clock() - renewed_at  # negative: the clock was put back
            if not timedelta(0) <= held_for <= self._lease / RENEWALS_PER_LEASE:
                renewed_at = self.clock()
                self.ledger.renew(job, now=renewed_at, lease=self._lease)

        return keep_lease

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)
