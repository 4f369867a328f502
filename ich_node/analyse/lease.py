"""The lease on a job, renewed while the job is read."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from ich_node.analyse.interrupted import OVERTAKEN, STOPPING, Interrupted
from ich_node.ledger import AnalyserLedger, Job

RENEWALS_PER_LEASE = 4


class JobLease:
    """Made right after the job was claimed. stop: the process is to end."""

    def __init__(
        self,
        *,
        ledger: AnalyserLedger,
        job: Job,
        duration: timedelta,
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._job = job
        self._duration = duration
        self._clock = clock
        self._stop = stop
        self._renewed_at = clock()

    def check(self) -> None:
        """To be called between the steps of a reading; renews the lease when it is due.

        Raises Interrupted if the process stops or a series of an earlier lane is ready, LeaseLost,
        Unavailable.
        """
        if self._stop.is_set():
            raise Interrupted(STOPPING)
        if self._ledger.is_overtaken(self._job, now=self._clock()):
            raise Interrupted(OVERTAKEN)
        held_for = self._clock() - self._renewed_at  # negative: the system clock was set back
        if not timedelta(0) <= held_for <= self._duration / RENEWALS_PER_LEASE:
            self._renewed_at = self._clock()
            self._ledger.renew(self._job, now=self._renewed_at, lease=self._duration)
