"""Tells everybody who would have got an answer that there is none, or that it is late.

Once a study: it waits until no series of the study is pending, but not for ever, and speaks of the
series that looks most like a head. What every study of a head has beside the series that is read
(bone, reformats, localizers) is told only where the study has no answer. A crash before the ledger
knows repeats the work and makes the same objects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict

import structlog

from ich_node.answer import Answer
from ich_node.config.destinations import Destination
from ich_node.config.settings import StudySettings
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Overdue, Refusal, ReportError
from ich_node.ledger import Job, Result, TellerLedger
from ich_node.notification import KIND
from ich_node.report import (
    Algorithm,
    NotificationContext,
    RefusedSeries,
    ReportOptions,
    ResultObject,
    notification_of_refusal,
    write_refusal,
    write_refusal_page,
)
from ich_node.report.uids import digest_of
from ich_node.series.site_rules import NO_SITE_RULES, SiteRules
from ich_node.spool import Spool
from ich_node.study.facts import SeriesFacts, same_acquisition
from ich_node.study.headers import JobHeaders
from ich_node.study.no_answer import is_unread_head, may_be_a_head, refusal_of
from ich_node.study.overview import standing
from ich_node.study.results import predecessor_of, store_notification, store_object
from ich_node.study.routes import Routes, StudyAnswer, addresses, routes_of

MOST_STUDIES, MOST_LATE_JOBS = 20, 1000

log = structlog.get_logger(__name__)


class Recipients(TypedDict):
    """The names of those who get the SR, and of those who get each notification, by its uid."""

    destinations: list[str]
    notify: dict[str, list[str]]


class Told(NamedTuple):
    """The job that is told, and whether the series may show a head; or nobody, and why."""

    job: Job | None
    of_a_head: bool = False
    why_not: str = ""


@dataclass(frozen=True, kw_only=True)
class Teller:
    """algorithm: what the results say about the model that was to read. Its methods return how
    many studies were told of, and raise Unavailable.
    """

    ledger: TellerLedger
    spool: Spool
    settings: StudySettings
    options: ReportOptions
    destinations: Sequence[Destination]
    algorithm: Callable[[], Algorithm]
    site_rules: SiteRules = NO_SITE_RULES
    # pending jobs that are late and no heads, in the size that they had
    _no_heads: set[tuple[int, int]] = field(default_factory=set, repr=False)

    def tell_refused(self, now: datetime) -> int:
        """Of series that were refused or failed."""
        wait = timedelta(seconds=self.settings.refusal_wait_seconds)
        studies = self.ledger.due_studies(long_ago=now - wait, limit=MOST_STUDIES)
        return sum(self._tell_refused(study, now) for study in studies)

    def tell_overdue(self, now: datetime) -> int:
        """Of heads that nobody has read in time."""
        wait = timedelta(minutes=self.settings.overdue_minutes)
        late = self.ledger.overdue(long_ago=now - wait, limit=MOST_LATE_JOBS)
        self._no_heads.intersection_update((job.id, job.objects) for job in late)
        told = 0
        for study_instance_uid in dict.fromkeys(job.study_instance_uid for job in late):
            of_study = [job for job in late if job.study_instance_uid == study_instance_uid]
            told += self._tell_overdue(study_instance_uid, of_study, now)
        return told

    def _tell_refused(self, study_instance_uid: str, now: datetime) -> int:
        """Of those that the same destinations may hear of, the first ones."""
        seen = self.ledger.study(study_instance_uid)
        untold = self.ledger.untold(study_instance_uid)
        if not untold:
            return 0
        routes = self._routes(seen)
        untold = routes.alike(untold[0], untold)
        known = routes.known(untold[0], seen)
        told = self._choose(known, untold)
        if told.job is None:
            self.ledger.told(untold, seen=seen, now=now, by=None, why_not=told.why_not)
            return 0
        refusal = refusal_of(told.job)
        replaces = [each for each in standing(known) if _is_outdated(each, told.job)]
        results, recipients = self._results(
            told, refusal, seen, routes, replaces=replaces, at=told.job.content_at or now
        )
        done = self.ledger.told(
            untold,
            seen=seen,
            now=now,
            by=told.job,
            results=results,
            replaces=[each.id for each in replaces],
            **recipients,
        )
        if done:
            routes.warn(told.job)
            _log("not_analysed_told", told.job, refusal, results)
        return int(done)

    def _tell_overdue(self, study_instance_uid: str, late: Sequence[Job], now: datetime) -> int:
        seen = self.ledger.study(study_instance_uid)
        routes = self._routes(seen)
        left = [job for job in seen if job.id in {each.id for each in late}]
        told = 0
        while left:
            alike = routes.alike(left[0], left)
            told += self._tell_overdue_alike(seen, alike, routes, now)
            left = [job for job in left if job not in alike]
        return told

    def _tell_overdue_alike(
        self, seen: Sequence[Job], late: Sequence[Job], routes: Routes, now: datetime
    ) -> int:
        """Of late jobs that the same destinations may hear of."""
        known = routes.known(late[0], seen)
        heads = [job for job in late if self._is_unanswered_head(job, known)]
        if not heads:
            return 0
        job = max(heads, key=lambda each: (each.objects, -each.id))
        if any(each.overdue_told_at for each in known):
            self.ledger.told_overdue(heads, seen=seen, now=now, by=None)
            return 0
        minutes = timedelta(minutes=self.settings.overdue_minutes)
        results, recipients = self._results(
            Told(job, of_a_head=True), Overdue(), seen, routes, at=job.last_received_at + minutes
        )
        done = self.ledger.told_overdue(
            heads, seen=seen, now=now, by=job, results=results, **recipients
        )
        if done:
            _log("overdue_told", job, Overdue(), results)
        return int(done)

    def _routes(self, seen: Sequence[Job]) -> Routes:
        return routes_of(seen, self.destinations, self.ledger.sources)

    def _choose(self, seen: Sequence[Job], untold: Sequence[Job]) -> Told:
        """The job that looks most like a head."""
        new = [job for job in untold if job.told_at is None]
        if not new:
            return Told(None, why_not="it was told before")
        answered = standing(seen)
        heads = [job for job in new if self._may_be_a_head(job)]
        if answered:
            heads = [job for job in heads if self._is_news_beside(job, answered, seen)]
            if not heads:
                return Told(None, why_not="the study has an answer")
            return Told(_largest(heads), of_a_head=True)
        before = [job for job in seen if job.told_at and job.answer is Answer.NOT_ANALYSED]
        if any(map(self._may_be_a_head, before)) or (before and not heads):
            return Told(None, why_not="another series of the study was told")
        return Told(_largest(heads or new), of_a_head=bool(heads))

    def _may_be_a_head(self, job: Job) -> bool:
        return may_be_a_head(job, self._headers.facts(job))

    def _is_news_beside(self, job: Job, answered: Sequence[Job], seen: Sequence[Job]) -> bool:
        """Whether a refusal is to be told in a study that has an answer: the answer was about less
        of the same series, or about another acquisition.
        """
        revisions = [each for each in seen if each.series_instance_uid == job.series_instance_uid]
        if any(each.revision > job.revision and each in answered for each in revisions):
            return False
        if any(each in answered for each in revisions):
            return True
        facts = self._headers.facts(job)
        return is_unread_head(job, facts) and not self._is_among(facts, answered)

    def _is_unanswered_head(self, job: Job, seen: Sequence[Job]) -> bool:
        if (job.id, job.objects) in self._no_heads:
            return False
        facts = self._headers.facts(job)
        if facts is None or not facts.looks_like_a_head:
            self._no_heads.add((job.id, job.objects))
            return False
        answered = standing(seen)
        is_answered = any(each.series_instance_uid == job.series_instance_uid for each in answered)
        return not is_answered and not self._is_among(facts, answered)

    def _is_among(self, facts: SeriesFacts | None, jobs: Sequence[Job]) -> bool:
        """Whether one of the jobs is of the same acquisition."""
        others = (self._headers.facts(job) for job in jobs)
        return facts is not None and any(
            same_acquisition(facts, other) for other in others if other is not None
        )

    @property
    def _headers(self) -> JobHeaders:
        return JobHeaders(
            spool=self.spool, instances=self.ledger.instances, site_rules=self.site_rules
        )

    def _results(
        self,
        told: Told,
        refusal: Refusal,
        seen: Sequence[Job],
        routes: Routes,
        *,
        at: datetime,
        replaces: Sequence[Job] = (),
    ) -> tuple[list[Result], Recipients]:
        """In the spool: the SR, if one is wanted, and the notifications; and who gets them."""
        job = told.job
        assert job is not None
        replaced = [each.id for each in replaces]
        to_notify = self._recipients(told, "notifications", replaced, routes)
        recipients: Recipients = {
            "destinations": self._recipients(told, "objects", replaced, routes),
            "notify": {},
        }
        instances, headers = self._headers.all(job)
        if not headers:
            refusal = _without_headers(refusal)
        algorithm = self.algorithm()
        results: list[Result] = []
        is_wanted = self.options.wants_refusal(about_a_head=told.of_a_head)
        if is_wanted and headers and recipients["destinations"]:
            previous = self.ledger.previous_result(
                job, "sr", replaces=replaced, among=routes.named_by(job, seen)
            )
            series = RefusedSeries(
                study_instance_uid=job.study_instance_uid,
                series_instance_uid=job.series_instance_uid,
                datasets=headers,
                digest=digest_of(instance.sha256 for instance in instances),
                revision=job.revision,
                predecessor=predecessor_of(self.spool, previous),
            )
            results += [
                store_object(self.spool, document)
                for document in self._documents(series, refusal, algorithm, at)
            ]
        report_uid = results[0].sop_instance_uid if results else None
        others = tuple(each for each in standing(seen) if each.id not in replaced)
        for address, names in addresses(
            job,
            to_notify,
            seen,
            routes=routes,
            answer=StudyAnswer(mine=(Answer.NOT_ANALYSED, job.series_instance_uid), others=others),
            previous=lambda kind, among: self.ledger.previous_result(job, kind, among=among),
        ).items():
            context = NotificationContext(
                study_instance_uid=job.study_instance_uid,
                series_instance_uid=job.series_instance_uid,
                datasets=headers,
                revision=job.revision,
                replaces=address.replaces,
                report_uid=report_uid,
                algorithm=algorithm,
                at=at,
                study_answer=address.study_answer,
                study_answer_series=address.study_answer_series,
            )
            notification = notification_of_refusal(context, refusal)
            results.append(store_notification(self.spool, notification))
            recipients["notify"][notification.uid] = names
        return results, recipients

    def _documents(
        self, series: RefusedSeries, refusal: Refusal, algorithm: Algorithm, at: datetime
    ) -> list[ResultObject]:
        """The SR, and the page if it is wanted; none if the headers do not allow any."""
        try:
            made = [
                write(
                    series,
                    reason=refusal.reason,
                    detail=refusal.detail,
                    algorithm=algorithm,
                    options=self.options,
                    at=at,
                )
                for write in (write_refusal, write_refusal_page)
            ]
        except (ReportError, *PARSING_ERRORS) as error:
            detail = error.detail if isinstance(error, ReportError) else type(error).__name__
            log.warning("refusal_not_reportable", detail=detail)
            return []
        return [document for document in made if document]

    def _recipients(
        self, told: Told, gets: str, replaces: Sequence[int], routes: Routes
    ) -> list[str]:
        """For a head everybody: who wants positive results only waits for one, too."""
        assert told.job is not None
        kind = KIND if gets == "notifications" else "object"
        earlier = self.ledger.earlier_destinations(told.job, kind, replaces=replaces)
        return [
            each.name
            for each in self.destinations
            if each.gets == gets
            and routes.allow(each.name, told.job)
            and each.should_receive(is_negative=not told.of_a_head, earlier_destinations=earlier)
        ]


def _largest(jobs: Sequence[Job]) -> Job:
    return max(jobs, key=lambda job: (job.objects, job.id))


def _is_outdated(earlier: Job, job: Job) -> bool:
    """An answer about less of the same series, which is not known to hold for the whole."""
    return (
        earlier.series_instance_uid == job.series_instance_uid
        and earlier.revision < job.revision
        and earlier.answer is not Answer.PRESENT
    )


def _without_headers(refusal: Refusal) -> Refusal:
    unknown = "No header of the series could be read: patient and order are not known."
    return type(refusal)(f"{refusal.detail.rstrip('. ')}. {unknown}")


def _log(event: str, job: Job, refusal: Refusal, results: Sequence[Result]) -> None:
    log.info(
        event,
        job=job.id,
        series_instance_uid=job.series_instance_uid,
        reason=refusal.reason,
        results=len(results),
    )
