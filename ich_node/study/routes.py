"""Who may hear of which jobs of a study, where destinations get the results of some sources only.

The ledger knows a study by its UID, and two hospitals may use one UID by accident. So a result
names, counts and replaces only what everybody who gets it may have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ich_node.answer import Answer
from ich_node.config.destinations import Destination
from ich_node.ledger import Job, Result
from ich_node.notification import KIND

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Routes:
    """allowed: by job id the names of the destinations that may have its results; None: all of
    them may have everything.
    """

    allowed: Mapping[int, frozenset[str]] | None = None

    def allow(self, name: str, job: Job) -> bool:
        return self.allowed is None or name in self.allowed.get(job.id, ())

    def warn(self, job: Job) -> None:
        """Log it if nobody may hear of the job."""
        if self.allowed is not None and not self.allowed[job.id]:
            log.warning(
                "no_route", job=job.id, detail="no destination gets the results of all its sources"
            )

    def known(self, job: Job, study: Sequence[Job]) -> list[Job]:
        """The jobs of which everybody may hear who may have the results of this one."""
        if self.allowed is None:
            return list(study)
        mine = self.allowed[job.id]
        return [each for each in study if mine <= self.allowed[each.id]]

    def alike(self, job: Job, study: Sequence[Job]) -> list[Job]:
        """The jobs whose results the same destinations may have."""
        if self.allowed is None:
            return list(study)
        return [each for each in study if self.allowed[each.id] == self.allowed[job.id]]

    def named_by(self, job: Job, study: Sequence[Job]) -> set[int] | None:
        """The ids of the jobs whose results those of this one may name; None: of any."""
        return None if self.allowed is None else {each.id for each in self.known(job, study)}

    def shown_to(self, name: str, study: Sequence[Job]) -> set[int] | None:
        """The ids of the jobs of which this destination may hear; None: of any."""
        if self.allowed is None:
            return None
        return {each.id for each in study if self.allow(name, each)}


def routes_of(
    study: Sequence[Job],
    destinations: Sequence[Destination],
    sources: Callable[[Sequence[Job]], Mapping[int, frozenset[str]]],
) -> Routes:
    """sources: from which sources the objects of each of the jobs came, from the ledger."""
    if all(each.sources is None for each in destinations):
        return Routes()
    came_from = sources(study)
    allowed = {
        job.id: frozenset(each.name for each in destinations if each.may_have(came_from[job.id]))
        for job in study
    }
    return Routes(allowed=allowed)


@dataclass(frozen=True, kw_only=True)
class StudyAnswer:
    """What a series adds to its study. mine: its answer and its UID; others: the jobs whose answers
    stand beside it, and heads that were not analysed, or whose answer was taken back.
    """

    mine: tuple[Answer, str]
    others: tuple[Job, ...]

    def among(self, ids: set[int] | None) -> tuple[Answer, str]:
        """The most severe answer of the study, and the UID of the series that gave it, as far as
        these jobs are concerned.
        """
        others = [
            (
                job.answer if job.withdrawn_at is None else Answer.NOT_ANALYSED,
                job.series_instance_uid,
            )
            for job in self.others
            if job.answer is not None and (ids is None or job.id in ids)
        ]
        return max([self.mine, *others], key=lambda one: one[0].severity)


@dataclass(frozen=True)
class Address:
    """What a notification tells its destinations about the study. replaces: the uid of the
    notification that it replaces there.
    """

    study_answer: Answer
    study_answer_series: str
    replaces: str | None


def addresses(
    job: Job,
    names: Sequence[str],
    study: Sequence[Job],
    *,
    routes: Routes,
    answer: StudyAnswer,
    previous: Callable[[str, set[int] | None], Result | None],
) -> dict[Address, list[str]]:
    """One notification about the job for those of its destinations that may hear the same of the
    study. previous: the newest result of a kind among these jobs, from the ledger.
    """
    found: dict[Address, list[str]] = {}
    for name in names:
        shown = routes.shown_to(name, study)
        among = None if shown is None else shown | {job.id}
        before = previous(KIND, among)
        address = Address(*answer.among(among), before.sop_instance_uid if before else None)
        found.setdefault(address, []).append(name)
    return found
