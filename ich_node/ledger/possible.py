"""What an operator can do with a job in its state. The ledger itself refuses everything else."""

from collections.abc import Sequence
from dataclasses import dataclass

from ich_node.errors import HeldBack
from ich_node.ledger.operator import UNANSWERED
from ich_node.ledger.operator_deliveries import AGAIN, CANCELLABLE
from ich_node.ledger.rows import Delivery, Job
from ich_node.ledger.states import SETTLED, DeliveryState, JobState


@dataclass(frozen=True, kw_only=True)
class Possible:
    """deliver, call_off, resend: the destinations with something to deliver now, to cancel, or to
    send again.
    """

    retry: bool
    release: bool
    close: bool
    cancel: bool
    reread: bool
    withdraw: bool
    deliver: tuple[str, ...]
    call_off: tuple[str, ...]
    resend: tuple[str, ...]

    @property
    def anything(self) -> bool:
        return any(vars(self).values())


def possible(job: Job, deliveries: Sequence[Delivery], *, is_swept: bool) -> Possible:
    """is_swept: the files of the job were removed."""

    def to(states: Sequence[DeliveryState]) -> tuple[str, ...]:
        return tuple(sorted({each.destination for each in deliveries if each.state in states}))

    is_kept = not is_swept
    is_waiting = job.state is JobState.WAITING
    return Possible(
        retry=is_kept and (job.state in UNANSWERED or bool(to((DeliveryState.FAILED,)))),
        release=job.state is JobState.HELD
        or (is_kept and job.state is JobState.REFUSED and job.reason == HeldBack.reason),
        close=is_waiting,
        cancel=is_waiting,
        reread=is_kept and job.state is JobState.DONE,
        withdraw=job.answer is not None and job.withdrawn_at is None and bool(deliveries),
        deliver=to(AGAIN),
        call_off=to(CANCELLABLE),
        resend=to(SETTLED) if is_kept and job.withdrawn_at is None else (),
    )
