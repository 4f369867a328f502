"""The results of a job, written into the spool: DICOM objects and, if a destination wants it, a
notification.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pydicom
import structlog

from ich_node.analyse.job_objects import JobObjects
from ich_node.detection.reading import Reading
from ich_node.errors import Refusal, ReportError
from ich_node.ledger import AnalyserLedger, Job, Result
from ich_node.model.detector import Detector
from ich_node.notification import KIND, Notification
from ich_node.report import (
    NotificationContext,
    Predecessor,
    RefusedSeries,
    ReportOptions,
    ResultObject,
    SourceSeries,
    notification_of,
    notification_of_refusal,
    write_refusal,
    write_report,
)
from ich_node.report.algorithm import algorithm_of
from ich_node.series.series import Series
from ich_node.spool import Spool, Stored

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobResults:
    """Writing the same results twice gives the same bytes.

    at: the time that all of them state. with_notification: whether a destination takes
    notifications. Its methods raise SpoolFull, Unavailable.
    """

    job: Job
    ledger: AnalyserLedger
    spool: Spool
    detector: Detector
    options: ReportOptions
    with_notification: bool
    at: datetime

    def of_reading(self, reading: Reading, series: Series, objects: JobObjects) -> list[Result]:
        """Raises ReportError, too, if the source has UIDs that DICOM cannot refer to."""
        written = [self._store_object(result) for result in self._report(reading, series, objects)]
        if not self.with_notification:
            return written
        context = self._notification_context(objects, written)
        return [*written, self._store_notification(notification_of(context, series, reading))]

    def of_refusal(self, refusal: Refusal, objects: JobObjects) -> list[Result]:
        """A document that gives the reason, if the options ask for one and objects were loaded."""
        document = self._refusal_report(refusal, objects)
        written = [self._store_object(document)] if document else []
        if not self.with_notification:
            return written
        context = self._notification_context(objects, written)
        return [*written, self._store_notification(notification_of_refusal(context, refusal))]

    def _report(
        self, reading: Reading, series: Series, objects: JobObjects
    ) -> Iterator[ResultObject]:
        source = SourceSeries(
            series=series,
            datasets=objects.datasets,
            digest=objects.digest,
            revision=self.job.revision,
            predecessor=self._predecessor(),
        )
        return write_report(
            source,
            reading=reading,
            likelihood_on_slice=self.detector.likelihood_on_slice,
            algorithm=algorithm_of(self.detector.bundle),
            options=self.options,
            at=self.at,
        )

    def _refusal_report(self, refusal: Refusal, objects: JobObjects) -> ResultObject | None:
        """None if it is not wanted, or if DICOM cannot refer to the source."""
        if not (self.options.refused and objects.datasets):
            return None
        unread = RefusedSeries(
            study_instance_uid=self.job.study_instance_uid,
            series_instance_uid=self.job.series_instance_uid,
            datasets=objects.datasets,
            digest=objects.digest,
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
        """The SR of an earlier revision of this series, if its file is still in the spool."""
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

    def _notification_context(
        self, objects: JobObjects, written: list[Result]
    ) -> NotificationContext:
        previous = self.ledger.previous_result(self.job, KIND)
        report_uids = (result.sop_instance_uid for result in written if result.kind == "sr")
        return NotificationContext(
            study_instance_uid=self.job.study_instance_uid,
            series_instance_uid=self.job.series_instance_uid,
            datasets=objects.datasets,
            revision=self.job.revision,
            replaces=previous.sop_instance_uid if previous else None,
            report_uid=next(report_uids, None),
            algorithm=algorithm_of(self.detector.bundle),
            at=self.at,
        )

    def _store_object(self, result: ResultObject) -> Result:
        stored = self.spool.put(result.encode())
        return _row(result.kind, result.sop_instance_uid, result.sop_class_uid, stored)

    def _store_notification(self, notification: Notification) -> Result:
        stored = self.spool.put(notification.encode(), suffix=".json")
        return _row(KIND, notification.uid, "", stored)


def _row(kind: str, uid: str, sop_class_uid: str, stored: Stored) -> Result:
    return Result(
        sop_instance_uid=uid,
        sop_class_uid=sop_class_uid,
        kind=kind,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
