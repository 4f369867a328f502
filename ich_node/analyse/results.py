"""What the reading of a job leaves behind, kept in the spool: DICOM objects and, if somebody wants
it, a notification.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pydicom
import structlog
from pydicom import Dataset

from ich_node.detection.reading import Reading
from ich_node.errors import Refusal, ReportError
from ich_node.ledger import AnalyserLedger, Job, Result
from ich_node.model.detector import Detector
from ich_node.notification import KIND, Notification
from ich_node.report import (
    NotificationContext,
    Predecessor,
    ReportOptions,
    ResultObject,
    Unread,
    notification_of,
    notification_of_refusal,
    write_refusal,
)
from ich_node.report.detection_report import algorithm_of, report_on
from ich_node.series.series import Series
from ich_node.spool import Spool, Stored

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobResults:
    """Made twice, the same bytes. at: the time of all of them; with_notification: whether a
    destination takes notifications.
    """

    job: Job
    ledger: AnalyserLedger
    spool: Spool
    detector: Detector
    options: ReportOptions
    with_notification: bool
    at: datetime

    def of_reading(
        self, series: Series, datasets: Sequence[Dataset], digest: str, reading: Reading
    ) -> list[Result]:
        """Raises ReportError, SpoolFull, Unavailable."""
        objects = report_on(
            series,
            datasets,
            reading,
            self.detector,
            digest=digest,
            revision=self.job.revision,
            at=self.at,
            options=self.options,
            predecessor=self._predecessor(),
        )
        kept = [self._keep_object(result) for result in objects]
        if not self.with_notification:
            return kept
        return [
            *kept,
            self._keep_notification(notification_of(self._told(datasets, kept), series, reading)),
        ]

    def of_refusal(
        self, datasets: Sequence[Dataset], digest: str, refusal: Refusal
    ) -> list[Result]:
        """The document that says so, if it is wanted. datasets: none if they are too many to be
        read. Raises as of_reading.
        """
        document = (
            self._refusal_report(datasets, digest, refusal)
            if self.options.refused and datasets
            else None
        )
        kept = [self._keep_object(document)] if document else []
        if not self.with_notification:
            return kept
        return [
            *kept,
            self._keep_notification(notification_of_refusal(self._told(datasets, kept), refusal)),
        ]

    def _refusal_report(
        self, datasets: Sequence[Dataset], digest: str, refusal: Refusal
    ) -> ResultObject | None:
        """None for a source that it cannot refer to."""
        unread = Unread(
            study_instance_uid=self.job.study_instance_uid,
            series_instance_uid=self.job.series_instance_uid,
            datasets=datasets,
            digest=digest,
            revision=self.job.revision,
            predecessor=self._predecessor(),
        )
        try:
            return write_refusal(
                unread,
                refusal,
                algorithm=algorithm_of(self.detector.bundle),
                options=self.options,
                at=self.at,
            )
        except ReportError as error:
            log.warning("refusal_not_reportable", detail=error.detail)
            return None

    def _predecessor(self) -> Predecessor | None:
        """The SR that an earlier revision of this series gave, if its file is still there."""
        previous = self.ledger.previous_result(self.job, "sr")
        if previous is None:
            return None
        try:
            header = pydicom.dcmread(
                io.BytesIO(self.spool.read(previous.path)), specific_tags=["SeriesInstanceUID"]
            )
        except FileNotFoundError:
            log.warning("predecessor_lost", sop_instance_uid=previous.sop_instance_uid)
            return None
        return Predecessor(
            series_instance_uid=str(header.SeriesInstanceUID),
            sop_class_uid=previous.sop_class_uid,
            sop_instance_uid=previous.sop_instance_uid,
        )

    def _told(self, datasets: Sequence[Dataset], objects: Sequence[Result]) -> NotificationContext:
        previous = self.ledger.previous_result(self.job, KIND)
        return NotificationContext(
            study_instance_uid=self.job.study_instance_uid,
            series_instance_uid=self.job.series_instance_uid,
            datasets=datasets,
            revision=self.job.revision,
            replaces=previous.sop_instance_uid if previous else None,
            report_uid=next(
                (result.sop_instance_uid for result in objects if result.kind == "sr"), None
            ),
            algorithm=algorithm_of(self.detector.bundle),
            at=self.at,
        )

    def _keep_object(self, result: ResultObject) -> Result:
        stored = self.spool.put(result.encode())
        return _row(result.kind, result.sop_instance_uid, result.sop_class_uid, stored)

    def _keep_notification(self, notification: Notification) -> Result:
        return _row(
            KIND, notification.uid, "", self.spool.put(notification.encode(), suffix=".json")
        )


def _row(kind: str, uid: str, sop_class_uid: str, stored: Stored) -> Result:
    return Result(
        sop_instance_uid=uid,
        sop_class_uid=sop_class_uid,
        kind=kind,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
