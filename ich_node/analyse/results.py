"""The results of a reading, written into the spool: DICOM objects and, if a destination wants it, a
notification.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ich_node.analyse.job_objects import JobObjects
from ich_node.config.destinations import Destination
from ich_node.detection.lesions import Lesion
from ich_node.detection.reading import Reading
from ich_node.ledger import AnalyserLedger, Result
from ich_node.model.detector import Detector
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
from ich_node.study.choice import Choice, Telling
from ich_node.study.results import predecessor_of, store_notification, store_object
from ich_node.study.routes import Address, addresses


@dataclass(frozen=True, kw_only=True)
class Written:
    """Results in the spool. notify: by the uid of a notification, who may get it."""

    results: Sequence[Result] = ()
    notify: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobResults:
    """Writing the same results twice gives the same bytes.

    at: the time that all of them state.
    """

    choice: Choice
    ledger: AnalyserLedger
    spool: Spool
    detector: Detector
    options: ReportOptions
    destinations: Sequence[Destination]
    at: datetime

    def of_reading(
        self,
        reading: Reading,
        series: Series,
        objects: JobObjects,
        telling: Telling,
        lesions: Sequence[Lesion],
    ) -> Written:
        """None if nobody is told. lesions: of the report, before its marks are limited.

        Raises ReportError if the source has UIDs that DICOM cannot refer to; SpoolFull,
        Unavailable.
        """
        if not telling.told:
            return Written()
        report = self._report(reading, series, objects, telling, lesions)
        written = [store_object(self.spool, result) for result in report]
        notify: dict[str, Sequence[str]] = {}
        for address, names in self._addresses(telling).items():
            context = self._notification_context(objects, written, address)
            notification = notification_of(context, series, reading)
            written.append(store_notification(self.spool, notification))
            notify[notification.uid] = names
        return Written(results=written, notify=notify)

    def _addresses(self, telling: Telling) -> dict[Address, list[str]]:
        choice = self.choice
        names = [
            each.name
            for each in self.destinations
            if each.gets == "notifications" and choice.routes.allow(each.name, choice.job)
        ]
        return addresses(
            choice.job,
            names,
            choice.study,
            routes=choice.routes,
            answer=telling.study_answer,
            previous=lambda kind, among: self.ledger.previous_result(choice.job, kind, among=among),
        )

    def _report(
        self,
        reading: Reading,
        series: Series,
        objects: JobObjects,
        telling: Telling,
        lesions: Sequence[Lesion],
    ) -> Iterator[ResultObject]:
        choice = self.choice
        previous = self.ledger.previous_result(
            choice.job,
            "sr",
            replaces=telling.replaces,
            among=choice.routes.named_by(choice.job, choice.study),
        )
        source = SourceSeries(
            series=series,
            datasets=objects.datasets,
            digest=objects.digest,
            revision=self.choice.job.revision,
            predecessor=predecessor_of(self.spool, previous),
        )
        return write_report(
            source,
            reading=reading,
            likelihood_on_slice=self.detector.likelihood_on_slice,
            algorithm=algorithm_of(self.detector.bundle),
            options=self.options,
            at=self.at,
            lesions=lesions,
        )

    def _notification_context(
        self, objects: JobObjects, written: list[Result], address: Address
    ) -> NotificationContext:
        job = self.choice.job
        report_uids = (result.sop_instance_uid for result in written if result.kind == "sr")
        return NotificationContext(
            study_instance_uid=job.study_instance_uid,
            series_instance_uid=job.series_instance_uid,
            datasets=objects.datasets,
            revision=self.choice.job.revision,
            replaces=address.replaces,
            report_uid=next(report_uids, None),
            algorithm=algorithm_of(self.detector.bundle),
            at=self.at,
            study_answer=address.study_answer,
            study_answer_series=address.study_answer_series,
        )
