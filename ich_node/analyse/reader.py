"""The objects of a job -> Series -> Reading, with the pixels and answers that are cached."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

import structlog
import torch
from pydicom import Dataset

from ich_node.analyse.answer_cache import AnswerCache
from ich_node.analyse.interrupted import Interrupted
from ich_node.analyse.job_objects import JobObjects
from ich_node.analyse.pixel_cache import BATCH, PixelCache
from ich_node.detection.reading import Reading
from ich_node.errors import HeldBack, TooLarge
from ich_node.ledger import AnalyserLedger, Instance, Job
from ich_node.model.demonstration import check_sources_are_phantoms
from ich_node.model.detector import Detector
from ich_node.model.engines.gpu_errors import first_line
from ich_node.series.object_file import read_object
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from ich_node.series.series import Series
from ich_node.series.site_rules import RuleDecision, SiteRules
from ich_node.spool import Spool

# All objects of a series are in memory while it is read; 1,000 slices of 1024 x 1024 pixels come to
# this.
MOST_SERIES_BYTES = 2 << 30

log = structlog.get_logger(__name__)


class Reader:
    """Keeps decoded pixels from one job to the next: one per process.

    check_interrupt, an argument of its methods, is called between steps and may raise Interrupted;
    pixels and answers computed until then are kept.
    """

    def __init__(
        self,
        *,
        ledger: AnalyserLedger,
        spool: Spool,
        clock: Callable[[], datetime],
        demonstration_on_real_sources: Literal["refuse", "mark"],
        rules: SelectionRules,
        site_rules: SiteRules,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._demonstration_on_real_sources = demonstration_on_real_sources
        self._rules = rules
        self._site_rules = site_rules
        self._pixels = PixelCache()

    def load(self, job: Job, *, check_interrupt: Callable[[], None]) -> JobObjects:
        """The job's objects from the spool. Raises TooLarge, Unavailable, OSError."""
        instances, older = self._ledger.instances(job), self._ledger.older_versions(job)
        size_bytes = sum(instance.size_bytes for instance in [*instances, *older])
        if size_bytes > MOST_SERIES_BYTES:
            raise TooLarge(
                f"{len(instances) + len(older)} objects of {size_bytes} bytes; "
                f"a head CT has less than {MOST_SERIES_BYTES}"
            )
        loaded = list(self._loaded([*instances, *older], check_interrupt))
        return JobObjects(
            job=job,
            instances=instances,
            datasets=loaded[: len(instances)],
            older=loaded[len(instances) :],
        )

    def _loaded(
        self, instances: Sequence[Instance], check_interrupt: Callable[[], None]
    ) -> Iterator[Dataset]:
        for number, instance in enumerate(instances):
            if number % BATCH == 0:
                check_interrupt()
            yield read_object(
                io.BytesIO(self._spool.read(instance.path)),
                sop_instance_uid=instance.sop_instance_uid,
            )

    def decide(self, objects: JobObjects, *, released: bool = False) -> RuleDecision:
        """What the rules of the site say about the series. released: no rule holds it any more."""
        return self._site_rules.decide(
            [*objects.older, *objects.datasets], source=objects.job.source, released=released
        )

    def read(
        self,
        objects: JobObjects,
        *,
        detector: Detector,
        check_interrupt: Callable[[], None],
        decision: RuleDecision,
    ) -> tuple[Series, Reading]:
        """The answer about a complete series. decision: of the rules of the site.

        Raises Refusal, Unavailable, torch.AcceleratorError.
        """
        series, reading, _ = self._read(
            objects, detector=detector, check_interrupt=check_interrupt, decision=decision
        )
        self._pixels.drop(objects.job.id)
        return series, reading

    def preview(
        self, job: Job, *, detector: Detector, check_interrupt: Callable[[], None]
    ) -> Reading:
        """The same for what has arrived so far; pixels and answers are kept. Raises as `load` and
        `read` do.
        """
        objects = self.load(job, check_interrupt=check_interrupt)
        decision = self.decide(objects)
        if decision.hold:
            raise HeldBack
        _, reading, answers = self._read(
            objects, detector=detector, check_interrupt=check_interrupt, decision=decision
        )
        answers.save(now=self._clock())
        return reading

    def drop_pixels(self, job: Job) -> None:
        """Those of one series."""
        self._pixels.drop(job.id)

    def drop_unneeded_pixels(self) -> None:
        """Those of series that another process has claimed, or that were cancelled."""
        for job_id in self._pixels.job_ids():
            if not self._ledger.previews.is_open(job_id):
                self._pixels.drop(job_id)

    def _read(
        self,
        objects: JobObjects,
        *,
        detector: Detector,
        check_interrupt: Callable[[], None],
        decision: RuleDecision,
    ) -> tuple[Series, Reading, AnswerCache]:
        decision.check_refused()
        decode = self._pixels.decoder(
            objects.job.id, sha256_of=objects.sha256_of, check_interrupt=check_interrupt
        )
        series = read_series(
            [*objects.older, *objects.datasets],
            decode=decode,
            rules=replace(self._rules, ignored=decision.ignored),
            transfer_aborted=objects.job.transfer_aborted,
        )
        if detector.bundle.demonstration and self._demonstration_on_real_sources == "refuse":
            check_sources_are_phantoms(objects.datasets, bundle_name=detector.bundle.name)
        check_interrupt()
        try:
            return series, *self._detect(
                objects, series=series, detector=detector, check_interrupt=check_interrupt
            )
        except torch.OutOfMemoryError as error:
            why = f"the GPU's memory was short: {first_line(error)}"
        # other programs may use the GPU, too: this series is read on the CPU rather than waited for
        self._ledger.remark(objects.job, now=self._clock(), event="read on the CPU", detail=why)
        log.warning("read_on_the_cpu", why=why)
        torch.cuda.empty_cache()
        on_cpu = Detector(detector.bundle)
        return series, *self._detect(
            objects, series=series, detector=on_cpu, check_interrupt=check_interrupt
        )

    def _detect(
        self,
        objects: JobObjects,
        *,
        series: Series,
        detector: Detector,
        check_interrupt: Callable[[], None],
    ) -> tuple[Reading, AnswerCache]:
        answers = AnswerCache(
            ledger=self._ledger.previews,
            job=objects.job,
            detector=detector,
            sha256_of=objects.sha256_of,
        )
        try:
            reading = detector.read(series, progress=lambda *_: check_interrupt(), answers=answers)
        except Interrupted:
            answers.save(now=self._clock())
            raise
        return reading, answers
