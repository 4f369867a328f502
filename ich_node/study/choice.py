"""One answer a study: whether a claimed job is read, and whether its answer is told.

Reconstructions of one acquisition are one thing: the best that is there is read, and its answer
stands until a more severe one comes. Other acquisitions, and everything whose headers do not say
to which acquisition it belongs, are read and told by themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ich_node.answer import Answer
from ich_node.config.destinations import Destination
from ich_node.config.settings import StudySettings
from ich_node.ledger import AnalyserLedger, Job, JobState, Lane
from ich_node.series.site_rules import NO_SITE_RULES, SiteRules
from ich_node.spool import Spool
from ich_node.study.facts import SeriesFacts, is_better, same_acquisition
from ich_node.study.headers import JobHeaders
from ich_node.study.no_answer import is_unread_head
from ich_node.study.overview import standing
from ich_node.study.routes import Routes, StudyAnswer, routes_of


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What becomes of an answer.

    told: its results are owed. replaces: the jobs whose answer stands no longer. in_favour_of: the
    job whose answer stands, if this one is not told. words: why not, or what it replaces; may be
    empty. study_answer: what a notification says of the study.
    """

    told: bool
    replaces: tuple[int, ...] = ()
    in_favour_of: int | None = None
    words: str = ""
    study_answer: StudyAnswer


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """Another job is read instead, or was."""

    in_favour_of: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A claimed job among the series of its study.

    set_aside: it is not read. own: earlier revisions of its series whose answer stands. standing:
    the job whose answer about the same acquisition stands, with its name. others: jobs of the study
    whose answers stand beside it, and heads that were not analysed. is_best: of the reconstructions
    that are known. study, routes: all jobs of the study, and who may hear of which.
    """

    job: Job
    study: tuple[Job, ...]
    routes: Routes
    set_aside: SetAside | None = None
    own: tuple[Job, ...] = ()
    standing: tuple[Job, str] | None = None
    others: tuple[Job, ...] = ()
    is_best: bool = True

    def telling(self, answer: Answer) -> Telling:
        """Whether this answer is told."""
        if self.standing is None:
            return self._told(answer, replaces=self.own)
        before, name = self.standing
        assert before.answer is not None
        is_news = answer.severity > before.answer.severity or (
            before.answer is Answer.UNDETERMINED
            and (self.is_best or answer is not Answer.UNDETERMINED)
        )
        if is_news:
            words = f"replaces the answer '{before.answer}' of {name}"
            return self._told(answer, replaces=(before,), words=words)
        agrees = answer is before.answer
        words = (
            f"agrees with {name}, which was reported"
            if agrees
            else f"{name} was reported as '{before.answer}', which stands"
        )
        return Telling(
            told=False,
            in_favour_of=before.id,
            words=words,
            study_answer=self._study_answer(answer, (*self.others, before)),
        )

    def _told(self, answer: Answer, *, replaces: Sequence[Job], words: str = "") -> Telling:
        return Telling(
            told=True,
            replaces=tuple(job.id for job in replaces),
            words=words,
            study_answer=self._study_answer(answer, self.others),
        )

    def _study_answer(self, answer: Answer, others: tuple[Job, ...]) -> StudyAnswer:
        return StudyAnswer(mine=(answer, self.job.series_instance_uid), others=others)


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """One process has one; each method raises Unavailable. Series are compared only if everybody
    who gets the results of the one may hear of the other.
    """

    ledger: AnalyserLedger
    spool: Spool
    settings: StudySettings
    destinations: Sequence[Destination]
    clock: Callable[[], datetime]
    site_rules: SiteRules = NO_SITE_RULES

    def consider(self, job: Job) -> Choice:
        """While the job is held: nobody else reads a job of its study, so what is found stays true
        until it ends.
        """
        study = self.ledger.study(job)
        routes = routes_of(study, self.destinations, self.ledger.sources)
        known = routes.known(job, study)
        alone = Choice(job=job, study=tuple(study), routes=routes)
        later = _answered_later(job, known)
        if later is not None:
            words = f"revision {later.revision} of this series was read"
            return replace(alone, set_aside=SetAside(in_favour_of=later.id, words=words))
        answered = standing(study)
        own = tuple(each for each in answered if _is_of_series(each, job))
        others = tuple(each for each in answered if not _is_of_series(each, job))
        ready = _ready(known, job, self.clock())
        unanswered = _unanswered(study, job)
        is_alone = not (others or ready or unanswered)
        mine = None if is_alone else self._headers.facts(job)
        unread = tuple(each for each in unanswered if self._is_unread(each, mine))
        choice = replace(alone, others=(*others, *unread))
        is_compared = self.settings.reconstructions == "best" and not own
        if mine is None or not mine.may_be_read or not is_compared:
            return replace(choice, own=own)
        before = self._same(mine, [each for each in others if each in known])
        if before:
            first = max(before, key=lambda one: one[0].answer.severity if one[0].answer else -1)
            return self._beside(choice, mine, first)
        waiting = self._same(mine, ready)
        better = [(each, facts) for each, facts in waiting if is_better(facts, mine)]
        if better:
            best, facts = better[0]
            for each, other in better[1:]:
                if is_better(other, facts):
                    best, facts = each, other
            words = f"{facts.name} of the same acquisition is read instead"
            return replace(alone, set_aside=SetAside(in_favour_of=best.id, words=words))
        return choice

    def _beside(self, choice: Choice, mine: SeriesFacts, before: tuple[Job, SeriesFacts]) -> Choice:
        """An answer about the same acquisition stands."""
        first, facts = before
        is_best = is_better(mine, facts)
        if not is_best and first.answer is not Answer.UNDETERMINED:
            words = f"{facts.name} of the same acquisition was read instead"
            return replace(
                choice, others=(), set_aside=SetAside(in_favour_of=first.id, words=words)
            )
        return replace(
            choice,
            standing=(first, facts.name),
            others=tuple(each for each in choice.others if each.id != first.id),
            is_best=is_best,
        )

    def _is_unread(self, job: Job, mine: SeriesFacts | None) -> bool:
        """Whether a head was not analysed that `mine` says nothing about."""
        facts = self._headers.facts(job)
        is_same = mine is not None and facts is not None and same_acquisition(mine, facts)
        return is_unread_head(job, facts) and not is_same

    def _same(self, mine: SeriesFacts, jobs: Sequence[Job]) -> list[tuple[Job, SeriesFacts]]:
        """Those of the jobs that are of the same acquisition."""
        known = ((each, self._headers.facts(each)) for each in jobs)
        return [
            (each, facts)
            for each, facts in known
            if facts is not None and facts.may_be_read and same_acquisition(mine, facts)
        ]

    @property
    def _headers(self) -> JobHeaders:
        return JobHeaders(
            spool=self.spool, instances=self.ledger.instances, site_rules=self.site_rules
        )


def _is_of_series(job: Job, other: Job) -> bool:
    return job.series_instance_uid == other.series_instance_uid


def _answered_later(job: Job, study: Sequence[Job]) -> Job | None:
    """A later revision of the series, which covers all objects of this one, with an answer."""
    return next(
        (
            each
            for each in study
            if _is_of_series(each, job)
            and each.revision > job.revision
            and each.state is JobState.DONE
        ),
        None,
    )


def _unanswered(study: Sequence[Job], job: Job) -> list[Job]:
    """The other series of the study without an answer, or whose answer was taken back, each in its
    newest revision.
    """
    newest = {each.series_instance_uid: each for each in study}  # the oldest come first
    return [
        each
        for each in newest.values()
        if not _is_of_series(each, job)
        and (each.answer is Answer.NOT_ANALYSED or (each.withdrawn_at and not each.in_favour_of))
    ]


def _ready(study: Sequence[Job], job: Job, now: datetime) -> list[Job]:
    """The other series of the study that are complete and wait, each in its newest revision."""
    newest = {each.series_instance_uid: each for each in study}  # the oldest come first
    return [
        each
        for each in newest.values()
        if not _is_of_series(each, job)
        and each.state is JobState.WAITING
        and each.ready_at <= now
        and each.lane is not Lane.AGAIN
    ]
