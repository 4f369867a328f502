"""Takes the answer of a job back: everybody who has it, or may have it, gets a rejection note of
its objects, or a message that it is withdrawn.

Both say what was sent before: patient and order come from the results themselves, which lie where
they have to be found. Reconstructions that were set aside for the job stay set aside: they are of
the same acquisition. What arrives later is read as usual.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pydicom
from pydicom import Dataset

from ich_node import __version__
from ich_node.answer import Answer, WithdrawalReason
from ich_node.config.destinations import Destination
from ich_node.dicom.identity import PRODUCT
from ich_node.errors import ConfigError, IchNodeError, Unavailable
from ich_node.ledger import Job, Reached, Result, WithdrawalLedger
from ich_node.notification import KIND, Notification, decode
from ich_node.report import (
    Algorithm,
    WithdrawnResults,
    notification_of_withdrawal,
    write_rejection_note,
)
from ich_node.spool import Spool
from ich_node.study.overview import standing
from ich_node.study.results import store_notification, store_object
from ich_node.study.routes import StudyAnswer, addresses, routes_of

TRIES = 5


class FilesGone(IchNodeError):
    """The results of a job were removed from the spool."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What a job made. headers: of its objects, without pixels; message: its notification."""

    job: Job
    headers: Sequence[Dataset]
    message: Notification | None


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """What was done. to: the names of those who get a rejection note; notified: of those who get a
    message; cancelled: how many deliveries.
    """

    to: Sequence[str]
    notified: Sequence[str]
    cancelled: int


@dataclass(frozen=True, kw_only=True)
class Withdrawer:
    """Its methods raise Unavailable."""

    ledger: WithdrawalLedger
    spool: Spool
    destinations: Sequence[Destination]
    ae_title: str

    def sent(self, job: Job) -> Reported:
        """Reads what is needed to take the answer back, and changes nothing. Raises ConfigError if
        there is nothing to take back, FilesGone.
        """
        if job.withdrawn_at is not None:
            raise ConfigError(
                f"job {job.id} was withdrawn before, at {job.withdrawn_at:%Y-%m-%d %H:%M:%S}Z"
            )
        results = self.ledger.results(job)
        if job.answer is None or not results:
            raise ConfigError(
                f"job {job.id} ({job.state.words}) has no answer that anybody was told"
            )
        messages = [result for result in results if result.kind == KIND]
        return Reported(
            job=job,
            headers=[
                pydicom.dcmread(io.BytesIO(self._read(job, each)), stop_before_pixels=True)
                for each in results
                if each.kind != KIND
            ],
            message=decode(self._read(job, messages[-1])) if messages else None,
        )

    def reached(self, job: Job) -> Reached:
        """Who has, or may have, its objects and its message."""
        return self.ledger.reached(job)

    def is_told(self, sent: Reported) -> bool:
        """Whether messages say it: not if a later message, which did not speak of this job's
        answer, has replaced its message.
        """
        job, message = sent.job, sent.message
        return message is not None and self._is_current(job, message, self.ledger.study(job))

    def withdraw(
        self, sent: Reported, code: WithdrawalReason, *, reason: str, who: str, now: datetime
    ) -> Withdrawn:
        """reason: stays in the ledger. Raises ConfigError if the job was withdrawn meanwhile."""
        for _ in range(TRIES):
            done = self._try(sent, code, reason=reason, who=who, now=now)
            if done is not None:
                return done
        raise Unavailable(
            f"the results of job {sent.job.id} are being sent at this moment; nothing was"
            " withdrawn: try again"
        )

    def _try(
        self, sent: Reported, code: WithdrawalReason, *, reason: str, who: str, now: datetime
    ) -> Withdrawn | None:
        job, reached = sent.job, self.ledger.reached(sent.job)
        given: list[Result] = []
        if reached.objects:
            note = write_rejection_note(
                WithdrawnResults(
                    headers=sent.headers,
                    description=job.series_description or "",
                    revision=job.revision,
                ),
                code,
                algorithm=_software(job),
                ae_title=self.ae_title,
                at=now,
            )
            given.append(store_object(self.spool, note))
        notify = self._messages(sent, reached, code, now=now, given=given)
        cancelled = self.ledger.withdraw(
            job,
            reached=reached,
            now=now,
            code=code,
            reason=reason,
            who=who,
            given=given,
            destinations=sorted(reached.objects),
            notify=notify,
        )
        if cancelled is None:
            return None
        return Withdrawn(
            to=sorted(reached.objects),
            notified=sorted(name for names in notify.values() for name in names),
            cancelled=cancelled,
        )

    def _messages(
        self,
        sent: Reported,
        reached: Reached,
        code: WithdrawalReason,
        *,
        now: datetime,
        given: list[Result],
    ) -> dict[str, list[str]]:
        """By the uid of each message, which is added to `given`, who gets it. None if `is_told` is
        not.
        """
        job, message = sent.job, sent.message
        study = self.ledger.study(job)
        routes = routes_of(study, self.destinations, self.ledger.sources)
        if message is None or not self._is_current(job, message, study):
            return {}
        others = {name for name in reached.later_messages if routes.allow(name, job)}
        answer = StudyAnswer(
            mine=(Answer.NOT_ANALYSED, job.series_instance_uid),
            others=tuple(each for each in standing(study) if each.id != job.id),
        )
        notify: dict[str, list[str]] = {}
        for address, names in addresses(
            job,
            sorted(reached.messages | others),
            study,
            routes=routes,
            answer=answer,
            previous=lambda kind, among: self.ledger.previous_result(job, kind, among=among),
        ).items():
            withdrawal = notification_of_withdrawal(
                message,
                code,
                at=now,
                study_answer=address.study_answer,
                study_answer_series=address.study_answer_series,
                replaces=address.replaces,
            )
            given.append(store_notification(self.spool, withdrawal))
            notify[withdrawal.uid] = names
        return notify

    def _is_current(self, job: Job, message: Notification, study: Sequence[Job]) -> bool:
        if any(each.id == job.id for each in standing(study)):
            return True
        newest = self.ledger.previous_result(job, KIND)
        return newest is not None and newest.sop_instance_uid == message.uid

    def _read(self, job: Job, result: Result) -> bytes:
        try:
            return self.spool.read(result.path)
        except FileNotFoundError:
            raise FilesGone(f"the results of job {job.id} were removed after their time") from None


def _software(job: Job) -> Algorithm:
    """No model took the answer back."""
    return Algorithm(
        name=PRODUCT,
        version=__version__,
        bundle_name="",
        bundle_sha256=job.bundle_sha256 or "",
        details="",
    )
