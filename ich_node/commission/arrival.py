"""Waits until the phantom has arrived, has its answer, and all its results are delivered. The
ledger says so.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ich_node.ledger import Delivery, DeliveryState, Job, JobState, Ledger
from ich_node.ledger.counts import ASSOCIATIONS
from ich_node.ledger.states import SETTLED

LOOK_EVERY = 0.5  # seconds
UNENDED = (JobState.WAITING, JobState.READING)


@dataclass(kw_only=True)
class Patience:
    """How long is waited, for all of it together. ticks: seconds that nobody can set."""

    seconds: float
    sleep: Callable[[float], None] = time.sleep
    ticks: Callable[[], float] = time.monotonic
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        self._until = self.ticks() + self.seconds

    def until(self, holds: Callable[[], bool]) -> bool:
        """Whether it did in time."""
        while not holds():
            if self.ticks() >= self._until:
                return False
            self.sleep(LOOK_EVERY)
        return True


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """What is waited for."""

    ledger: Ledger
    study_instance_uid: str
    slices: int

    def job(self) -> Job | None:
        """The newest revision of its series."""
        jobs = self.ledger.studies.study(self.study_instance_uid)
        return max(jobs, key=lambda job: (job.revision, job.id), default=None)

    def is_here(self) -> bool:
        job = self.job()
        return job is not None and job.objects >= self.slices

    def has_ended(self) -> bool:
        job = self.job()
        return job is not None and job.state not in UNENDED

    def deliveries(self) -> list[Delivery]:
        job = self.job()
        return self.ledger.operator.deliveries(job.id) if job is not None else []

    def is_delivered(self, hopeless: Collection[str]) -> bool:
        """hopeless: destinations that do not answer; one try is enough for them."""
        return all(
            each.state in (*SETTLED, DeliveryState.FAILED)
            or (each.destination in hopeless and each.attempts > 0)
            for each in self.deliveries()
        )


def rejected_associations(ledger: Ledger) -> Counter[str]:
    """How many the listener has rejected since the ledger was made, by reason. Raises
    Unavailable.
    """
    return Counter(
        {
            f"{each.labels['reason']} ({each.labels['source']})": int(each.value)
            for each in ledger.counts.all()
            if each.name == ASSOCIATIONS and each.labels.get("result") == "rejected"
        }
    )
