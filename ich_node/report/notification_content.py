"""A Reading or a Refusal -> the Notification of its series."""

import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom import Dataset, config
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as PydicomSequence

from ich_node.answer import Answer, WithdrawalReason
from ich_node.detection.reading import Reading
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal
from ich_node.notification import (
    IDENTIFIER_KEYWORDS,
    Identifiers,
    Notification,
    ReadingWarning,
    RefusedReading,
    UnreadPart,
    Withdrawal,
)
from ich_node.percent import rounded, rounded_beside
from ich_node.report.context import lesions_of
from ich_node.report.result_header import Algorithm
from ich_node.report.uids import uid_from
from ich_node.series.series import Missing, Series


@dataclass(frozen=True, kw_only=True)
class NotificationContext:
    """The content of a notification apart from the answer.

    datasets: headers of the series, empty if they could not be read; replaces: the uid of the
    notification that this one replaces; report_uid: SOP Instance UID of the SR. study_answer: the
    most severe answer of the study's series so far, and study_answer_series: the UID of the series
    that gave it; the message speaks of the study if that is more severe than this series' answer.
    """

    study_instance_uid: str
    series_instance_uid: str
    datasets: Sequence[Dataset]
    revision: int
    replaces: str | None
    report_uid: str | None
    algorithm: Algorithm
    at: datetime
    study_answer: Answer | None = None
    study_answer_series: str | None = None


def notification_of(context: NotificationContext, series: Series, reading: Reading) -> Notification:
    """The notification of a reading. The same arguments give the same bytes and the same uid."""
    return _with_uid(
        replace(
            _without_answer(context),
            series_answer=reading.answer,
            missing=tuple(map(unread_part, reading.missing)),
            warnings=tuple(
                ReadingWarning(kind=warning.kind, detail=warning.detail)
                for warning in reading.warnings
            ),
            series_probability=rounded_beside(reading.series_probability, reading.threshold),
            threshold=rounded(reading.threshold),
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


def notification_of_withdrawal(
    told: Notification,
    code: WithdrawalReason,
    *,
    at: datetime,
    study_answer: Answer,
    study_answer_series: str,
    replaces: str | None,
) -> Notification:
    """The answer of this notification is taken back; to the same patient and order. study_answer:
    of the other series.
    """
    return _with_uid(
        replace(
            told,
            uid="",
            replaces=replaces,
            at=at,
            series_answer=Answer.NOT_ANALYSED,
            study_answer=study_answer,
            study_answer_series=study_answer_series,
            refused=None,
            missing=(),
            warnings=(),
            series_probability=None,
            threshold=None,
            lesions=None,
            slices=None,
            positive_slices=None,
            withdrawal=Withdrawal(code=code, answer=told.series_answer),
        )
    )


def unread_part(missing: Missing) -> UnreadPart:
    """The same in a notification, and in words."""
    return UnreadPart(
        part=missing.part,
        detail=missing.detail,
        from_mm=missing.from_mm,
        to_mm=missing.to_mm,
        slices=missing.slices,
        instance_numbers=missing.instance_numbers,
    )


def _without_answer(context: NotificationContext) -> Notification:
    first = context.datasets[0] if context.datasets else Dataset()
    series_number = _number(first, "SeriesNumber")
    return Notification(
        uid="",
        replaces=context.replaces,
        study_instance_uid=context.study_instance_uid,
        series_instance_uid=context.series_instance_uid,
        revision=context.revision,
        at=context.at,
        series_answer=Answer.NOT_ANALYSED,
        study_answer=context.study_answer,
        study_answer_series=context.study_answer_series,
        refused=None,
        series_probability=None,
        threshold=None,
        lesions=None,
        series_number=None if series_number is None else int(series_number),
        slice_thickness_mm=_number(first, "SliceThickness"),
        slices=None,
        positive_slices=None,
        report_uid=context.report_uid,
        bundle_name=context.algorithm.bundle_name,
        bundle_sha256=context.algorithm.bundle_sha256,
        demonstration=context.algorithm.demonstration,
        software_version=context.algorithm.version,
        identifiers=_identifiers(context.datasets),
    )


def _with_uid(notification: Notification) -> Notification:
    content = hashlib.sha256(notification.encode()).hexdigest()
    return replace(notification, uid=str(uid_from("notification", content)))


def _number(dataset: Dataset, keyword: str) -> float | None:
    """None if the header has no number there that JSON can carry."""
    try:
        number = float(str(dataset.get(keyword)))
    except PARSING_ERRORS:
        return None
    return number if math.isfinite(number) else None


def _identifiers(datasets: Sequence[Dataset]) -> Identifiers:
    """Of the first header; none if the headers name more than one patient."""
    if len({_text(dataset, "PatientID") for dataset in datasets}) != 1:
        return Identifiers()
    return Identifiers(
        **{name: _text(datasets[0], keyword) for name, keyword in IDENTIFIER_KEYWORDS.items()}
    )


def _text(dataset: Dataset, keyword: str) -> str:
    """The value as the header has it, without the padding; empty if it is no text."""
    # pydicom would log a value that breaks its VR, which is data of the patient.
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            value = dataset.get(keyword)
            values = value if isinstance(value, MultiValue) else [value or ""]
            text = "\\".join(str(each) for each in values)
        except PARSING_ERRORS:
            return ""
    return "" if isinstance(value, (bytes, PydicomSequence)) else text.rstrip(" \0")
