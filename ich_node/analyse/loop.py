"""The analyser's loop: claim a job, read its series, record the outcome. A Refusal is an outcome; a
crash is a failed attempt.

While no series is complete, series that still arrive are read ahead (preview.py); then comes what
is to be read again, and last what other bundles read beside the answers (second_reader.py). A
reading is interrupted for a series of an earlier lane, and later goes on where it was.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Literal

import structlog
import torch

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.analyse.detectors import Detectors
from ich_node.analyse.lease import JobLease
from ich_node.analyse.map_file import keep_maps
from ich_node.analyse.outcome import JobHeld, JobSetAside, Outcome, ReadJob, RefusedJob
from ich_node.analyse.preview import Previewer
from ich_node.analyse.reader import Reader
from ich_node.analyse.recorder import RETRY, JobRecorder
from ich_node.analyse.results import JobResults
from ich_node.analyse.scan_facts import scan_of
from ich_node.analyse.second_reader import SecondReader
from ich_node.config.destinations import Destination
from ich_node.config.settings import AnalysisSettings, StudySettings
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import BundleError, Refusal, Unavailable
from ich_node.ledger import AnalyserLedger, Job, LeaseLost, Scan
from ich_node.ledger.counts import Tally
from ich_node.ledger.pause_watch import PauseWatch
from ich_node.ledger.pauses import READING
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import choose_device, load_engine
from ich_node.report import ReportOptions, all_lesions, listed
from ich_node.series.rules import USUAL_RULES, SelectionRules
from ich_node.series.site_rules import NO_SITE_RULES, SiteRules
from ich_node.spool import Spool
from ich_node.study.choice import Choice, Chooser

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Analyser:
    """One process that reads. clock: the node's; owner: the name of this process in leases; stop:
    set when the process is to end; turn: ends `work` after the job under way (default: stop).
    """

    ledger: AnalyserLedger
    spool: Spool
    active_bundle: ActiveBundle
    settings: AnalysisSettings
    study: StudySettings
    options: ReportOptions
    destinations: Sequence[Destination]
    owner: str
    clock: Callable[[], datetime]
    stop: Event
    turn: Event | None = None
    demonstration_on_real_sources: Literal["refuse", "mark"] = "mark"
    rules: SelectionRules = USUAL_RULES
    site_rules: SiteRules = NO_SITE_RULES
    counts: Tally = field(default_factory=Tally)
    _unreleased: list[Job] = field(default_factory=list)

    def work(self, detector: Detector | None = None) -> Detector | None:
        """Read job after job until asked to stop. Returns the detector that read last, for the next
        analyser of this process; detector: of the one before.

        Raises DeviceLost: only a new process gets the GPU back; ConfigError if the engine is not
        installed.
        """
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        log.info("analyser_started", device=self.settings.device, threads=torch.get_num_threads())
        turn = self.turn or self.stop
        self.detectors.start_with(detector)
        with closing(self.ledger.changes()) as changes:
            while not turn.is_set():
                try:
                    self.release_left()
                    self.pauses.look(self.clock())
                    if self.pauses.is_paused(READING):
                        changes.wait(turn)
                        continue
                    if self.do_next(self.detectors.active()):
                        continue
                    self.reader.drop_unneeded_pixels()
                    changes.wait(turn)
                except (BundleError, Unavailable) as error:
                    # no job is claimed now: without a model or a ledger all of them wait
                    log.error("analyser_waits", error=type(error).__name__, detail=error.detail)
                    turn.wait(RETRY.total_seconds())
        return self.detectors.loaded

    def do_next(self, detector: Detector) -> bool:
        """One piece of work, the most urgent that there is; False if there is none. Raises as
        `read_next` does.
        """
        return (
            self.read_next(detector)
            or self.previewer.preview_next(detector)
            or self.read_again(detector)
            or self.second_reader.read_next()
        )

    def read_next(self, detector: Detector) -> bool:
        """Claim one job and bring the attempt to an end; False if no job is ready.

        Raises Unavailable if the ledger does not answer or the spool is full, DeviceLost.
        """
        return self._read_claimed(self.ledger.claim, detector)

    def read_again(self, detector: Detector) -> bool:
        """The same for a series that has an answer, of which an operator wants another one."""
        return self._read_claimed(self.ledger.claim_again, detector)

    def _read_claimed(self, claim: Callable[..., Job | None], detector: Detector) -> bool:
        job = claim(
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
                self._attempt(job, detector)
            except LeaseLost as lost:
                # another process has the job now, and what it records counts
                log.warning("lease_lost", detail=lost.detail)
            except Unavailable:
                self._unreleased.append(job)
                raise
        return True

    def release_left(self) -> None:
        """Give back the jobs of which the ledger could take neither the outcome nor the release.
        Without this they wait for the end of a lease, which lies an hour ahead after the clock was
        set back. Raises Unavailable.
        """
        while self._unreleased:
            with suppress(LeaseLost):  # it was released, or another process has it now
                self.ledger.release(
                    self._unreleased[-1], now=self.clock(), why="the ledger was not available"
                )
            self._unreleased.pop()

    def read_job(self, job: Job, detector: Detector) -> Outcome:
        """The outcome of a claimed job, not recorded yet; its results are in the spool.

        Raises whatever keeps it from an outcome: `JobRecorder.record_error` knows what each means.
        """
        lease = JobLease(
            ledger=self.ledger, job=job, duration=self._lease, clock=self.clock, stop=self.stop
        )
        choice = self.chooser.consider(job)
        if choice.set_aside is not None:
            return JobSetAside(instead=choice.set_aside)
        scan: Scan | None = None
        try:
            objects = self.reader.load(job, check_interrupt=lease.check)
            scan = scan_of(objects.datasets)
            decision = self.reader.decide(objects)
            if decision.hold and self._is_released(job):
                decision = self.reader.decide(objects, released=True)
            if decision.hold:
                return JobHeld(rule=decision.hold)
            began = time.monotonic()
            series, reading = self.reader.read(
                objects, detector=detector, check_interrupt=lease.check, decision=decision
            )
            inference_seconds = time.monotonic() - began
        except Refusal as refusal:
            return RefusedJob(refusal=refusal, scan=scan)
        telling = choice.telling(reading.answer)
        lesions = all_lesions(series, reading)
        written = self._results_of(choice, detector).of_reading(
            reading, series, objects, telling, lesions
        )
        map_file = keep_maps(self.spool, reading, series, detector, listed(lesions))
        return ReadJob(
            reading=reading,
            choice=choice,
            telling=telling,
            written=written,
            map_file=map_file,
            scan=scan,
            inference_seconds=inference_seconds,
            rule=decision.rule_name,
        )

    def load_detector(self, bundle: Bundle) -> Detector:
        """Raises Unavailable if the GPU is not there or has no memory for the model, DeviceLost,
        ConfigError.
        """
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
        if bundle.demonstration:
            log.warning("demonstration_model", name=bundle.name, detail=DEMONSTRATION_MODEL)
        return Detector(bundle, choice.engine)

    @cached_property
    def pauses(self) -> PauseWatch:
        return PauseWatch(ledger=self.ledger.pauses, concerns=lambda target: target == READING)

    @cached_property
    def chooser(self) -> Chooser:
        return Chooser(
            ledger=self.ledger,
            spool=self.spool,
            settings=self.study,
            destinations=self.destinations,
            clock=self.clock,
            site_rules=self.site_rules,
        )

    @cached_property
    def reader(self) -> Reader:
        return Reader(
            ledger=self.ledger,
            spool=self.spool,
            clock=self.clock,
            demonstration_on_real_sources=self.demonstration_on_real_sources,
            rules=self.rules,
            site_rules=self.site_rules,
        )

    @cached_property
    def previewer(self) -> Previewer:
        return Previewer(
            ledger=self.ledger,
            reader=self.reader,
            lease=self._lease,
            clock=self.clock,
            stop=self.stop,
        )

    @cached_property
    def detectors(self) -> Detectors:
        return Detectors(active_bundle=self.active_bundle, load=self.load_detector)

    @cached_property
    def second_reader(self) -> SecondReader:
        return SecondReader(
            ledger=self.ledger,
            reader=self.reader,
            detectors=self.detectors,
            owner=self.owner,
            lease=self._lease,
            clock=self.clock,
            stop=self.stop,
        )

    @cached_property
    def _recorder(self) -> JobRecorder:
        return JobRecorder(
            ledger=self.ledger,
            destinations=self.destinations,
            max_attempts=self.settings.max_attempts,
            clock=self.clock,
            counts=self.counts,
        )

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def _attempt(self, job: Job, detector: Detector) -> None:
        began = time.monotonic()
        try:
            if job.read_with is not None:
                detector = self.detectors.of(Path(job.read_with))
            outcome = self.read_job(job, detector)
        except Exception as error:  # noqa: BLE001 - a bug is logged there with its traceback
            self._recorder.record_error(job, error)
            return
        self._recorder.record_outcome(job, outcome, seconds=time.monotonic() - began)

    def _is_released(self, job: Job) -> bool:
        """By an operator, who wants the series to be read: also with slices that came later, or by
        another bundle.
        """
        return job.read_with is not None or any(
            each.released_at is not None
            for each in self.ledger.study(job)
            if each.series_instance_uid == job.series_instance_uid
        )

    def _results_of(self, choice: Choice, detector: Detector) -> JobResults:
        return JobResults(
            choice=choice,
            ledger=self.ledger,
            spool=self.spool,
            detector=detector,
            options=self.options,
            destinations=self.destinations,
            at=choice.job.content_at or self.clock(),
        )
