"""The results of a reading, written into the spool: DICOM objects and, if a destination wants it, a
notification.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ich_node.analyse.job_objects import JobObjects
from ich_node.detection.reading import Reading
from ich_node.ledger import AnalyserLedger, Job, Result
from ich_node.model.detector import Detector
from ich_node.notification import KIND
from ich_node.report import (
    NotificationContext,
    ReportOptions,
    ResultObject,
    SourceSeries,
    notification_of,
    write_report,
)
from ich_node.report.algorithm import algorithm_of
from ich_node.series.series import Series
from ich_node.spool import Spool
from ich_node.study.choice import Telling
from ich_node.study.results import predecessor_of, store_notification, store_object


@dataclass(frozen=True, kw_only=True)
class JobResults:
    """Writing the same results twice gives the same bytes.

    at: the time that all of them state. with_notification: whether a destination takes
    notifications.
    """

    job: Job
    ledger: AnalyserLedger
    spool: Spool
    detector: Detector
    options: ReportOptions
    with_notification: bool
    at: datetime

    def of_reading(
        self, reading: Reading, series: Series, objects: JobObjects, telling: Telling
    ) -> list[Result]:
        """None if nobody is told. Raises ReportError if the source has UIDs
        that DICOM cannot refer to; SpoolFull, Unavailable.
        """
        if not telling.told:
            return []
        report = self._report(reading, series, objects, telling)
        written = [store_object(self.spool, result) for result in report]
        if not self.with_notification:
            return written
        context = self._notification_context(objects, written, telling)
        notification = notification_of(context, series, reading)
        return [*written, store_notification(self.spool, notification)]

    def _report(
        self, reading: Reading, series: Series, objects: JobObjects, telling: Telling
    ) -> Iterator[ResultObject]:
        previous = self.ledger.previous_result(self.job, "sr", replaces=telling.replaces)
        source = SourceSeries(
            series=series,
            datasets=objects.datasets,
            digest=objects.digest,
            revision=self.job.revision,
            predecessor=predecessor_of(self.spool, previous),
        )
        return write_report(
            source,
            reading=reading,
            likelihood_on_slice=self.detector.likelihood_on_slice,
            algorithm=algorithm_of(self.detector.bundle),
            options=self.options,
            at=self.at,
        )

    def _notification_context(
        self, objects: JobObjects, written: list[Result], telling: Telling
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
            study_answer=telling.study_answer,
            study_answer_series=telling.study_answer_series,
        )
