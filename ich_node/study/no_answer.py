"""Why a job has no answer, as people are told: the refusal that the ledger recorded, or a failure
in a sentence that says nothing of this machine.
"""

from collections.abc import Iterator

from ich_node.errors import (
    BoneKernel,
    ContrastEnhanced,
    DerivedResult,
    NotAxial,
    NotCT,
    NotHead,
    Refusal,
    TooFewSlices,
)
from ich_node.ledger import Job, JobState


class Overdue(Refusal):
    """The series has arrived and was not read in time; its answer follows when it has been read."""

    reason = "overdue"


class Failed(Refusal):
    """The series could not be analysed: the node failed on it. The log of the node has more."""

    reason = "failed"


class Crashed(Failed):
    """The analysis of the series crashed. The log of the node has more."""

    reason = "crashed"


class NotReportable(Failed):
    """The series was read, and its results cannot be written as DICOM objects."""

    reason = "not_reportable"


class ObjectsUnavailable(Failed):
    """Objects of the series could not be loaded."""

    reason = "unavailable"


class DeviceFailed(Failed):
    """The processor that runs the model failed on the series."""

    reason = "device"


# Series that a study of a head is expected to have beside the one that is read.
EXPECTED_BESIDE_AN_ANSWER = frozenset(
    refusal.reason
    for refusal in (
        BoneKernel,
        ContrastEnhanced,
        DerivedResult,
        NotAxial,
        NotCT,
        NotHead,
        TooFewSlices,
    )
)


def refusal_of(job: Job) -> Refusal:
    """Of a job that ended without an answer."""
    known = next((kind for kind in _kinds(Refusal) if kind.reason == job.reason), Failed)
    return known(job.detail or "") if job.state is JobState.REFUSED else known()


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _kinds(inner)
