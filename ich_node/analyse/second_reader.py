"""Readings by other bundles, beside the answers that were told: when there is nothing else to do.

They make no results. A series that is complete, or that arrives, interrupts them at once; what the
network has answered until then is kept.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
import torch

from ich_node.analyse.detectors import Detectors
from ich_node.analyse.interrupted import OVERTAKEN, STOPPING, Interrupted
from ich_node.analyse.lease import RENEWALS_PER_LEASE
from ich_node.analyse.reader import Reader
from ich_node.analyse.recorder import RETRY
from ich_node.errors import BundleError, Refusal, Unavailable
from ich_node.ledger import AnalyserLedger, Job, LeaseLost, SecondReading
from ich_node.model.engines.gpu_errors import device_lost, first_line

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class SecondReader:
    """owner, lease: of the claims. stop: the process is to end."""

    ledger: AnalyserLedger
    reader: Reader
    detectors: Detectors
    owner: str
    lease: timedelta
    clock: Callable[[], datetime]
    stop: threading.Event

    def read_next(self) -> bool:
        """Claim one reading and bring the attempt to an end; False if none waits, or anything else
        is to be done.

        Raises Unavailable, DeviceLost.
        """
        second = self.ledger.second_readings
        if not second.is_any_ready(now=self.clock()) or self._is_anything_else():
            return False
        reading = second.claim(owner=self.owner, now=self.clock(), lease=self.lease)
        if reading is None:
            return False
        job = second.job(reading)
        with structlog.contextvars.bound_contextvars(
            job=job.id,
            series_instance_uid=job.series_instance_uid,
            purpose=reading.purpose,
            bundle=reading.bundle_name,
        ):
            try:
                self._read(reading, job)
            except LeaseLost as lost:
                log.warning("lease_lost", detail=lost.detail)
            finally:
                # no later reading needs them
                self.reader.drop_pixels(job)
        return True

    def _read(self, second: SecondReading, job: Job) -> None:
        ledger, check = self.ledger.second_readings, self._checked(second)
        try:
            check()
            detector = self.detectors.of(Path(second.bundle_path), sha256=second.bundle_sha256)
            objects = self.reader.load(job, check_interrupt=check)
            # it has an answer: no rule holds it any more
            decision = self.reader.decide(objects, released=True)
            _, reading = self.reader.read(
                objects, detector=detector, check_interrupt=check, decision=decision
            )
        except Interrupted as interrupted:
            ledger.release(second)
            log.info("second_reading_released", why=str(interrupted))
        except Refusal as refusal:
            detail = f"{refusal.reason}: {refusal.detail}"
            ledger.refuse(second, now=self.clock(), detail=detail)
            log.info("second_reading_refused", reason=refusal.reason, detail=refusal.detail)
        except BundleError as error:
            ledger.fail(second, detail=error.detail, retry_at=None)
            log.error("second_reading_failed", reason="bundle", detail=error.detail)
        except torch.AcceleratorError as error:
            self._fail(second, f"GPU lost: {first_line(error)}")
            raise device_lost(error) from error
        except Unavailable:
            ledger.release(second)
            raise
        except LeaseLost:
            raise
        except OSError as error:
            self._fail(second, str(error))
        except Exception as error:
            log.exception("second_reading_crashed")
            at = self.clock().isoformat()
            self._fail(second, f"{type(error).__name__}: see the log at {at}")
        else:
            ledger.finish(
                second,
                now=self.clock(),
                answer=reading.answer,
                series_probability=reading.series_probability,
            )
            log.info("series_read_beside", answer=reading.answer)

    def _is_anything_else(self) -> bool:
        """A series that is complete, or that arrives."""
        now = self.clock()
        return self.ledger.is_any_ready(now=now) or self.ledger.previews.is_any_grown(now=now)

    def _fail(self, second: SecondReading, detail: str) -> None:
        retry_at = self.clock() + RETRY
        self.ledger.second_readings.fail(second, detail=detail, retry_at=retry_at)
        log.error("second_reading_failed", detail=detail, attempt=second.attempts)

    def _checked(self, second: SecondReading) -> Callable[[], None]:
        """Raises Interrupted if the process stops or anything else is to be done; renews the lease
        when that is due.
        """
        renewed_at = self.clock()

        def check() -> None:
            nonlocal renewed_at
            if self.stop.is_set():
                raise Interrupted(STOPPING)
            if self._is_anything_else():
                raise Interrupted(OVERTAKEN)
            now = self.clock()
            if not timedelta(0) <= now - renewed_at <= self.lease / RENEWALS_PER_LEASE:
                renewed_at = now
                self.ledger.second_readings.renew(second, now=now, lease=self.lease)

        return check
