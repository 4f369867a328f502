"""The analyser's loop: claim a job, read its series, detect, report, finish. A Refusal is an answer; a crash is an attempt.

One transaction marks the job DONE, keeps its results and adds what is owed to each destination: a crash before it repeats the
work and makes the same objects (their UIDs and bytes follow from the input), a crash after it changes nothing.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import pydicom
import structlog
import torch
from pydicom import Dataset

from ich_node import __version__
from ich_node.config import AnalysisSettings
from ich_node.detection.bundle import Bundle
from ich_node.detection.detector import Detector, Reading
from ich_node.detection.series import Series, read_series
from ich_node.errors import BundleError, Refusal, ReportError, Unavailable
from ich_node.jobs import Job, Jobs, LeaseLost, Result
from ich_node.report import (
    Algorithm,
    Predecessor,
    ReportOptions,
    ResultObject,
    Source,
    Unread,
    write_refusal,
    write_report,
)
from ich_node.shelf import Shelf
from ich_node.spool import Spool

IDLE_SECONDS = 0.5
RETRY = timedelta(seconds=30)
RENEWALS_PER_LEASE = 4

log = structlog.get_logger(__name__)


class Refused(Exception):
    """A Refusal, with the document that says so."""

    def __init__(self, refusal: Refusal, results: Sequence[Result]) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.results = results


class Stopping(Exception):
    """The process was asked to stop in the middle of a reading."""


@dataclass(frozen=True, kw_only=True)
class Analyser:
    """One process that reads. clock is the node's; owner names this process in leases."""

    jobs: Jobs
    spool: Spool
    shelf: Shelf
    settings: AnalysisSettings
    options: ReportOptions
    destinations: Sequence[str]
    owner: str
    clock: Callable[[], datetime]
    stop: Event

    def work(self) -> None:
        """Read job after job until asked to stop."""
        device = choose_device(self.settings.device)
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        log.info("analyser_started", device=device, threads=torch.get_num_threads())
        detector: Detector | None = None
        while not self.stop.is_set():
            try:
                bundle = self.shelf.current()
                if detector is None or detector.bundle is not bundle:
                    detector = Detector(bundle, device)
                    log.info("bundle_loaded", name=bundle.name, sha256=bundle.sha256)
                worked = self.work_once(detector)
            except (BundleError, Unavailable) as error:
                # no job was claimed, or it has been given back: without a model or a ledger all of them wait
                log.error("analyser_waits", error=type(error).__name__, detail=error.detail)
                self.stop.wait(RETRY.total_seconds())
            else:
                if not worked:
                    self.stop.wait(IDLE_SECONDS)

    def work_once(self, detector: Detector) -> bool:
        """Claim one job and bring it to an end; False if none is ready. Raises Unavailable if the ledger does not answer."""
        job = self.jobs.claim(owner=self.owner, now=self.clock(), lease=self._lease, max_attempts=self.settings.max_attempts)
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

    def _end(self, job: Job, detector: Detector) -> None:
        """Every way a reading can end. Raises LeaseLost."""
        began = time.monotonic()
        try:
            reading, results = self._read(job, detector)
        except Refused as refused:
            refusal = refused.refusal
            self.jobs.refuse(
                job,
                now=self.clock(),
                reason=refusal.reason,
                detail=refusal.detail,
                results=refused.results,
                destinations=self.destinations,
            )
            log.info("series_refused", reason=refusal.reason, detail=refusal.detail, results=len(refused.results))
        except ReportError as error:
            # the series will not change by itself: no second try
            self.jobs.fail(job, now=self.clock(), reason="not_reportable", detail=error.detail, retry_at=None)
            log.error("reading_not_reportable", detail=error.detail)
        except Stopping:
            self.jobs.release(job, now=self.clock())
            log.info("job_released", why="the process stops")
        except LeaseLost:
            raise
        except (Unavailable, OSError) as error:
            self._fail(job, "unavailable", str(error))
        except Exception as bug:  # the edge: what nobody foresaw is logged once, counted, and does not stop the queue
            log.exception("reading_crashed")
            self._fail(job, "crashed", f"{type(bug).__name__}: see the log at {self.clock().isoformat()}")
        else:
            self.jobs.finish(
                job,
                now=self.clock(),
                positive=reading.positive,
                series_probability=reading.series_probability,
                bundle_sha256=reading.bundle.sha256,
                results=results,
                destinations=self.destinations,
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
        self.jobs.fail(job, now=now, reason=reason, detail=detail, retry_at=now + RETRY)
        log.error("try_failed", reason=reason, detail=detail, attempt=job.attempts, of=self.settings.max_attempts)

    def _read(self, job: Job, detector: Detector) -> tuple[Reading, list[Result]]:
        instances = self.jobs.instances(job)
        datasets = [_dataset(self.spool.read(instance.path)) for instance in instances]
        digest = digest_of(instance.sha256 for instance in instances)
        keep_lease = self._lease_keeper(job)
        try:
            series = read_series(datasets)
        except Refusal as refusal:
            raise Refused(refusal, self._refusal_report(job, detector, datasets, digest, refusal)) from refusal
        keep_lease()
        reading = detector.read(series, lambda *_: keep_lease())
        results = report_on(
            series,
            datasets,
            reading,
            detector,
            digest=digest,
            revision=job.revision,
            at=job.content_at or self.clock(),
            options=self.options,
            predecessor=self._predecessor(job),
        )
        return reading, [self._keep(result) for result in results]

    def _refusal_report(
        self, job: Job, detector: Detector, datasets: Sequence[Dataset], digest: str, refusal: Refusal
    ) -> list[Result]:
        """The document that says so, if it is wanted; a source that it cannot refer to gets none."""
        if not self.options.refused:
            return []
        unread = Unread(
            study_instance_uid=job.study_instance_uid,
            series_instance_uid=job.series_instance_uid,
            datasets=datasets,
            digest=digest,
            revision=job.revision,
            predecessor=self._predecessor(job),
        )
        at = job.content_at or self.clock()
        try:
            result = write_refusal(unread, refusal, algorithm=algorithm_of(detector.bundle), options=self.options, at=at)
        except ReportError as error:
            log.warning("refusal_not_reportable", detail=error.detail)
            return []
        return [self._keep(result)] if result else []

    def _predecessor(self, job: Job) -> Predecessor | None:
        """The SR that an earlier revision of this series gave, if its file is still there."""
        previous = self.jobs.previous_report(job)
        if previous is None:
            return None
        try:
            header = pydicom.dcmread(io.BytesIO(self.spool.read(previous.path)), specific_tags=["SeriesInstanceUID"])
        except FileNotFoundError:
            log.warning("predecessor_lost", sop_instance_uid=previous.sop_instance_uid)
            return None
        return Predecessor(
            series_instance_uid=str(header.SeriesInstanceUID),
            sop_class_uid=previous.sop_class_uid,
            sop_instance_uid=previous.sop_instance_uid,
        )

    def _keep(self, result: ResultObject) -> Result:
        stored = self.spool.put(result.encode())
        return Result(
            sop_instance_uid=result.sop_instance_uid,
            sop_class_uid=result.sop_class_uid,
            kind=result.kind,
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
        )

    def _lease_keeper(self, job: Job) -> Callable[[], None]:
        """Called between steps: keeps the lease, and raises Stopping when the process is to stop."""
        renewed_at = self.clock()

        def keep_lease() -> None:
            nonlocal renewed_at
            if self.stop.is_set():
                raise Stopping
            if self.clock() - renewed_at > self._lease / RENEWALS_PER_LEASE:
                renewed_at = self.clock()
                self.jobs.renew(job, now=renewed_at, lease=self._lease)

        return keep_lease

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)


def report_on(
    series: Series,
    datasets: Sequence[Dataset],
    reading: Reading,
    detector: Detector,
    *,
    digest: str,
    revision: int,
    at: datetime,
    options: ReportOptions,
    predecessor: Predecessor | None = None,
) -> list[ResultObject]:
    """The DICOM objects of a Reading. Raises ReportError."""
    return write_report(
        Source(series=series, datasets=datasets, digest=digest, revision=revision, predecessor=predecessor),
        reading,
        detector.likelihood_on_slice,
        algorithm=algorithm_of(detector.bundle),
        options=options,
        at=at,
    )


def algorithm_of(bundle: Bundle) -> Algorithm:
    """What the report says about who read."""
    rule = bundle.peak_rule
    return Algorithm(
        name="ich-node MIL detector",
        version=__version__,
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        details=(
            f"{bundle.network_spec.head} head; positive from {bundle.operating_point.threshold:g}; "
            f"h {rule.min_prominence:g}, T {rule.min_likelihood:g}, d {rule.min_distance_px} px, gate {rule.slice_gate:g}"
        ),
    )


def digest_of(sha256s: Iterable[str]) -> str:
    """One hash for a set of objects, whatever their order."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()


def choose_device(wanted: str) -> str:
    """'auto' is the GPU where there is one."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def _dataset(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))
