"""Reads series while they still arrive, when no complete series waits.

A preview makes no results. The pixels that it decodes and the answers of the network are kept, so
that the reading of the complete series has only the last slices to do; and a series that looks
positive moves to the lane of suspected ones.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
import torch

from ich_node.analyse.interrupted import OVERTAKEN, STOPPING, Interrupted
from ich_node.analyse.reader import Reader
from ich_node.errors import Refusal, Unavailable
from ich_node.ledger import AnalyserLedger, Job
from ich_node.model.detector import Detector
from ich_node.model.engines.gpu_errors import device_lost

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Previewer:
    """lease: for how long nobody else previews the same series. stop: the process is to end."""

    ledger: AnalyserLedger
    reader: Reader
    lease: timedelta
    clock: Callable[[], datetime]
    stop: threading.Event

    def preview_next(self, detector: Detector) -> bool:
        """Preview one series that has grown; False if there is none.

        Raises Unavailable, DeviceLost.
        """
        now = self.clock()
        job = self.ledger.previews.claim(now=now, until=now + self.lease)
        if job is None:
            return False
        with structlog.contextvars.bound_contextvars(
            job=job.id, series_instance_uid=job.series_instance_uid
        ):
            self._preview(job, detector)
        return True

    def _preview(self, job: Job, detector: Detector) -> None:
        try:
            reading = self.reader.preview(
                job, detector=detector, check_interrupt=self._check_interrupt
            )
        except Refusal as refusal:
            # not complete yet, or not ours to read: the reading of the complete series says which
            log.debug("preview_refused", reason=refusal.reason)
            self.ledger.previews.finish(job, objects=job.objects, suspected=False)
        except Interrupted:
            self.ledger.previews.release(job)
        except torch.AcceleratorError as error:
            raise device_lost(error) from error
        except Unavailable:
            raise
        except Exception:
            # a bug: the reading will meet it again and count it as an attempt. Until the lease has
            # run out nobody previews this series again
            log.exception("preview_crashed")
        else:
            log.info("series_previewed", objects=job.objects, positive=reading.positive)
            self.ledger.previews.finish(job, objects=job.objects, suspected=reading.positive)

    def _check_interrupt(self) -> None:
        """A series that is complete comes first."""
        if self.stop.is_set():
            raise Interrupted(STOPPING)
        if self.ledger.is_any_ready(now=self.clock()):
            raise Interrupted(OVERTAKEN)
