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
    SiteRefusal,
    TooFewSlices,
)
from ich_node.ledger import Job, JobState
from ich_node.study.facts import SeriesFacts

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
        SiteRefusal,
        TooFewSlices,
    )
)


def may_be_a_head(job: Job, facts: SeriesFacts | None) -> bool:
    """Whether somebody may wait for the answer that this job does not have."""
    is_of_another_part = facts is not None and facts.is_of_another_part
    return refusal_of(job).about_a_head and not is_of_another_part


def is_unread_head(job: Job, facts: SeriesFacts | None) -> bool:
    """Whether a head may have gone unread that no study is expected to have beside its answer."""
    return may_be_a_head(job, facts) and job.reason not in EXPECTED_BESIDE_AN_ANSWER


def refusal_of(job: Job) -> Refusal:
    """Of a job that ended without an answer."""
    kinds = {kind.reason: kind for kind in Refusal.__subclasses__()}
    known = kinds.get(job.reason or "", Crashed)
    return known(job.detail or "") if job.state is JobState.REFUSED else known()
