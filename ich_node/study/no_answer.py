"""Why a job has no answer, as people are told: the refusal that the ledger recorded, or a failure
in a sentence that says nothing of this machine.
"""

from ich_node.errors import (
    BoneKernel,
    ContrastEnhanced,
    Crashed,
    DerivedResult,
    Localizer,
    NotAxial,
    NotCT,
    NotHead,
    Refusal,
    TooFewSlices,
)
from ich_node.ledger import Job, JobState

# Series that a study of a head is expected to have beside the one that is read.
EXPECTED_BESIDE_AN_ANSWER = frozenset(
    refusal.reason
    for refusal in (
        BoneKernel,
        ContrastEnhanced,
        DerivedResult,
        Localizer,
        NotAxial,
        NotCT,
        NotHead,
        TooFewSlices,
    )
)


def refusal_of(job: Job) -> Refusal:
    """Of a job that ended without an answer."""
    kinds = {kind.reason: kind for kind in Refusal.__subclasses__()}
    known = kinds.get(job.reason or "", Crashed)
    return known(job.detail or "") if job.state is JobState.REFUSED else known()
