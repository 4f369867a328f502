"""A Reading or a Refusal -> the Notification of its series."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom import Dataset

from ich_node.detection.reading import Reading
from ich_node.errors import Refusal
from ich_node.notification import Answer, Identifiers, Notification, RefusedReading
from ich_node.report.context import lesions_of
from ich_node.report.evidence import clean
from ich_node.report.result_header import Algorithm
from ich_node.report.uids import uid_from
from ich_node.series.series import Series

# Field of Identifiers -> keyword (PS3.3 C.7.1.1, C.7.2.1, C.4.16)
KEYWORDS = {
    "patient_id": "PatientID",
    "issuer_of_patient_id": "IssuerOfPatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "placer_order_number": "PlacerOrderNumberImagingServiceRequest",
    "filler_order_number": "FillerOrderNumberImagingServiceRequest",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
}


@dataclass(frozen=True, kw_only=True)
class NotificationContext:
    """The content of a notification apart from the answer.

    datasets: headers of the series, empty if they could not be read; replaces: the uid of the
    notification of the previous revision; report_uid: SOP Instance UID of the SR.
    """

    study_instance_uid: str
    series_instance_uid: str
    datasets: Sequence[Dataset]
    revision: int
    replaces: str | None
    report_uid: str | None
    algorithm: Algorithm
    at: datetime


def notification_of(context: NotificationContext, series: Series, reading: Reading) -> Notification:
    """The notification of a reading. The same arguments give the same bytes and the same uid."""
    return _with_uid(
        replace(
            _without_answer(context),
            finding=Answer.SUSPECTED if reading.positive else Answer.NOT_FOUND,
            series_probability=round(reading.series_probability, 4),
            threshold=round(reading.threshold, 4),
            lesions=len(lesions_of(series, reading)),
            slices=len(reading.slices),
            positive_slices=sum(
                slice_.probability >= reading.threshold for slice_ in reading.slices
            )
            if reading.positive
            else 0,
        )
    )


def notification_of_refusal(context: NotificationContext, refusal: Refusal) -> Notification:
    """The notification of a refused series: not analysed, with the reason."""
    return _with_uid(
        replace(
            _without_answer(context),
            refused=RefusedReading(reason=refusal.reason, detail=refusal.detail),
        )
    )


def _without_answer(context: NotificationContext) -> Notification:
    return Notification(
        uid="",
        replaces=context.replaces,
        study_instance_uid=context.study_instance_uid,
        series_instance_uid=context.series_instance_uid,
        revision=context.revision,
        at=context.at,
        finding=Answer.NOT_ANALYSED,
        refused=None,
        series_probability=None,
        threshold=None,
        lesions=None,
        slices=None,
        positive_slices=None,
        report_uid=context.report_uid,
        bundle_name=context.algorithm.bundle_name,
        bundle_sha256=context.algorithm.bundle_sha256,
        software_version=context.algorithm.version,
        identifiers=_identifiers(context.datasets[0]) if context.datasets else Identifiers(),
    )


def _with_uid(notification: Notification) -> Notification:
    content = hashlib.sha256(notification.encode()).hexdigest()
    return replace(notification, uid=str(uid_from("notification", content)))


def _identifiers(dataset: Dataset) -> Identifiers:
    header = clean(dataset, only=[*KEYWORDS.values(), "SpecificCharacterSet"])
    return Identifiers(
        **{name: str(header.get(keyword) or "").strip() for name, keyword in KEYWORDS.items()}
    )
