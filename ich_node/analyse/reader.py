"""The objects of a job -> Series -> Reading; what was decoded and asked before is not done again."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pydicom
import structlog
import torch
from pydicom import Dataset

from ich_node.analyse.answer_cache import AnswerCache
from ich_node.analyse.pixel_cache import AT_ONCE, PixelCache
from ich_node.detection.reading import Reading
from ich_node.errors import TooLarge
from ich_node.ledger import AnalyserLedger, Instance, Job
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import first_line
from ich_node.report.uids import digest_of
from ich_node.series.series import Series, read_series
from ich_node.spool import Spool

# All objects of a series are in memory while it is read; 1,000 slices of 1024 x 1024 pixels come to
# this.
MOST_SERIES_BYTES = 2 << 30

log = structlog.get_logger(__name__)


class Interrupted(Exception):
    """The reading is to end here, for this reason; what was done of it is remembered."""


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What a job covers. digest: one hash of all of them."""

    job: Job
    instances: Sequence[Instance]
    datasets: Sequence[Dataset]

    @property
    def digest(self) -> str:
        return digest_of(instance.sha256 for instance in self.instances)

    @property
    def sha256_of(self) -> dict[str, str]:
        return {instance.sop_instance_uid: instance.sha256 for instance in self.instances}


class Reader:
    """One a process."""

    def __init__(self, ledger: AnalyserLedger, spool: Spool, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._lightbox = PixelCache()

    def fetch(self, job: Job, look_up: Callable[[], None]) -> Objects:
        """look_up is called again and again, and may raise Interrupted. Raises TooLarge,
        Unavailable, OSError.
        """
        instances = self._ledger.instances(job)
        size_bytes = sum(instance.size_bytes for instance in instances)
        if size_bytes > MOST_SERIES_BYTES:
            raise TooLarge(
                f"{len(instances)} objects of {size_bytes} bytes; a head CT has less than {MOST_SERIES_BYTES}"
            )
        datasets = []
        for number, instance in enumerate(instances):
            if number % AT_ONCE == 0:
                look_up()
            datasets.append(pydicom.dcmread(io.BytesIO(self._spool.read(instance.path))))
        return Objects(job=job, instances=instances, datasets=datasets)

    def read(
        self, objects: Objects, detector: Detector, look_up: Callable[[], None]
    ) -> tuple[Series, Reading]:
        """The answer, once the series is complete. look_up is called between steps and may raise
        Interrupted.

        Raises Refusal, Unavailable, torch.AcceleratorError.
        """
        series, reading, _ = self._read(objects, detector, look_up)
        self._lightbox.take_down(objects.job.id)
        return series, reading

    def read_ahead(self, job: Job, detector: Detector, look_up: Callable[[], None]) -> Reading:
        """The same for what has arrived so far, to be remembered. Raises as fetch and read do."""
        _, reading, recollection = self._read(self.fetch(job, look_up), detector, look_up)
        recollection.keep(self._clock())
        return reading

    def tidy(self) -> None:
        """Pixels of series that another process has read, or that nobody will."""
        for job_id in self._lightbox.job_ids():
            if not self._ledger.previews.is_open(job_id):
                self._lightbox.take_down(job_id)

    def _read(
        self, objects: Objects, detector: Detector, look_up: Callable[[], None]
    ) -> tuple[Series, Reading, AnswerCache]:
        series = read_series(
            objects.datasets,
            decode=self._lightbox.decoder(objects.job.id, objects.sha256_of, look_up),
        )
        look_up()
        try:
            return series, *self._detect(objects, detector, series, look_up)
        except torch.OutOfMemoryError as error:
            why = f"the GPU's memory was short: {first_line(error)}"
        # others may use it, too: this series on the CPU
        self._ledger.remark(objects.job, now=self._clock(), event="read on the CPU", detail=why)
        log.warning("read_on_the_cpu", why=why)
        torch.cuda.empty_cache()
        return series, *self._detect(objects, Detector(detector.bundle), series, look_up)

    def _detect(
        self, objects: Objects, detector: Detector, series: Series, look_up: Callable[[], None]
    ) -> tuple[Reading, AnswerCache]:
        recollection = AnswerCache(self._ledger.previews, objects.job, detector, objects.sha256_of)
        try:
            return detector.read(series, lambda *_: look_up(), recollection), recollection
        except Interrupted:
            recollection.keep(self._clock())
            raise
