"""A Notification -> HL7 v2.5.1 ORU^R01: one order and the observations about its series. The same
notification gives the same bytes.

::

    MSH                    sender and receiver; MSH-10 stays the same however often it is sent
    PID                    only with identifiers
    OBR                    OBR-2 placer, OBR-3 filler, OBR-18 accession number: only with
                           identifiers; without them OBR-3 is the SeriesInstanceUID
    OBX   1  the answer    OBX-8: A or N
                           OBX-11: P; C for a revision that replaces another; X if not analysed;
                           W if the answer is withdrawn
          .. whether it is a demonstration; which series gave the answer of the study; the reason
             of a refusal; what was not read; warnings
          .. the highest slice score in %; OBX-7: the threshold
          .. lesions, UIDs, the bundle, a sentence, "research use only"

The four segments are written here, field by field; the tests validate each message with hl7apy.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ich_node.answer import Answer
from ich_node.config.destinations import Hl7Destination
from ich_node.deliver.outlets.hl7_patient import obr_fields, pid_fields, sendable
from ich_node.deliver.outlets.hl7_text import escaped, lines
from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE_NOTIFICATION
from ich_node.notification import Identifiers, Notification, ReadingWarning
from ich_node.percent import percent

LOCAL = "99ICHNODE"
SERVICE = f"ICH^Intracranial hemorrhage, automated reading of CT head^{LOCAL}"
HEMORRHAGE = "1386000^Intracranial hemorrhage^SCT"
SCORE = f"PROBABILITY^Highest slice score^{LOCAL}"
LESIONS = f"LESIONS^Lesions marked^{LOCAL}"
# The answer in a word, with SNOMED CT's Present, Absent and Indeterminate beside it, as in the SR
ANSWERS = {
    Answer.PRESENT: f"SUSPECTED^Intracranial hemorrhage suspected^{LOCAL}^52101004^Present^SCT",
    Answer.ABSENT: f"NOT_FOUND^No intracranial hemorrhage found^{LOCAL}^272519000^Absent^SCT",
    Answer.UNDETERMINED: (
        f"UNDETERMINED^Part of the head was not read^{LOCAL}^82334004^Indeterminate^SCT"
    ),
    Answer.NOT_ANALYSED: f"NOT_ANALYSED^Could not be analysed^{LOCAL}^82334004^Indeterminate^SCT",
}
WITHDRAWN = f"WITHDRAWN^The answer was withdrawn^{LOCAL}^82334004^Indeterminate^SCT"
ABNORMAL = {Answer.PRESENT: "A", Answer.ABSENT: "N"}  # table 0078; others have no flag
CONTROL_ID_LENGTH = 20  # MSH-10 in v2.5.1
# Each segment ends with the last field that is ever filled, so that its length is always the same.
PID_FIELDS, OBR_FIELDS, OBX_FIELDS = 8, 25, 14


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One OBX. kind: OBX-2; code: OBX-3; value: OBX-5; then OBX-6, OBX-7 and OBX-8. status: OBX-11,
    if it is not that of the message.
    """

    kind: str
    code: str
    value: str
    units: str = ""
    reference_range: str = ""
    abnormal: str = ""
    status: str = ""


def control_id(notification: Notification) -> str:
    """MSH-10."""
    digest = hashlib.sha256(notification.uid.encode()).digest()
    return base64.b32encode(digest).decode()[:CONTROL_ID_LENGTH]


@dataclass(frozen=True, kw_only=True)
class OruMessage:
    """text: in UTF-8. left_out: which identifiers it does not have although the destination asks
    for them, and why; empty if it has them all.
    """

    text: bytes
    left_out: str = ""


def oru_r01(notification: Notification, destination: Hl7Destination) -> OruMessage:
    """An identifier that HL7 cannot carry costs the identifier, not the message, which says so."""
    if not destination.identifiers:
        return OruMessage(text=_encoded(notification, destination, Identifiers()))
    who, left_out = sendable(notification.identifiers)
    if left_out:
        warning = ReadingWarning(kind="identifiers", detail=f"this message is {left_out}")
        notification = replace(notification, warnings=(*notification.warnings, warning))
    return OruMessage(text=_encoded(notification, destination, who), left_out=left_out)


def _encoded(notification: Notification, destination: Hl7Destination, who: Identifiers) -> bytes:
    segments = [_msh(notification, destination)]
    if who != Identifiers():
        segments.append(_segment("PID", pid_fields(who), count=PID_FIELDS))
    segments.append(_obr(notification, who))
    segments += [
        _obx(number, observation, notification)
        for number, observation in enumerate(_observations(notification), start=1)
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


def _segment(name: str, fields: Mapping[int, str], *, count: int) -> str:
    """fields: by their number in the standard; those that are not named are empty."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, count + 1))])


def _msh(notification: Notification, destination: Hl7Destination) -> str:
    """MSH-1 is the first separator itself, so the list begins with MSH-2."""
    fields = [
        "^~\\&",
        escaped(destination.sending_application),
        escaped(destination.sending_facility),
        escaped(destination.receiving_application),
        escaped(destination.receiving_facility),
        timestamp(notification.at),
        "",
        "ORU^R01^ORU_R01",
        control_id(notification),
        destination.processing_id,
        "2.5.1",
        *[""] * 5,
        "UNICODE UTF-8",  # MSH-18
    ]
    return "|".join(["MSH", *fields])


def _obr(notification: Notification, who: Identifiers) -> str:
    fields = obr_fields(who, otherwise=notification.series_instance_uid) | {
        1: "1",
        4: SERVICE,
        22: timestamp(notification.at),
        24: "CT",  # table 0074
        # table 0123. Not X: that would cancel an order, which may be the radiologist's
        25: _status(notification, not_analysed="I"),
    }
    return _segment("OBR", fields, count=OBR_FIELDS)


def _obx(number: int, observation: Observation, notification: Notification) -> str:
    fields = {
        1: str(number),
        2: observation.kind,
        3: observation.code,
        5: observation.value,
        6: observation.units,
        7: observation.reference_range,
        8: observation.abnormal,
        11: observation.status or _status(notification, not_analysed="X"),  # table 0085
        14: timestamp(notification.at),
    }
    return _segment("OBX", fields, count=OBX_FIELDS)


def _status(notification: Notification, *, not_analysed: str) -> str:
    if notification.withdrawal is not None:
        return "C"
    if notification.answer is Answer.NOT_ANALYSED:
        return not_analysed
    return "C" if notification.replaces else "P"


def _observations(notification: Notification) -> list[Observation]:
    """The answer first."""
    is_of_series = notification.answer_series == notification.series_instance_uid
    answer = _withdrawn(HEMORRHAGE) if notification.withdrawal and is_of_series else None
    return [
        answer or _answer(HEMORRHAGE, notification.answer),
        *_demonstration(notification),
        *_study(notification),
        *_reason(notification),
        *_withdrawal(notification),
        *_missing(notification),
        *_warnings(notification),
        *_score(notification),
        *_facts(notification),
    ]


def _demonstration(notification: Notification) -> list[Observation]:
    if not notification.demonstration:
        return []
    return [_observation("TX", _local("DEMONSTRATION", "Demonstration"), f"{DEMONSTRATION_MODEL}.")]


def _study(notification: Notification) -> list[Observation]:
    """Which series gave the answer, if it is not the one that all other observations are about."""
    if notification.answer_series == notification.series_instance_uid:
        return []
    code = _local("SERIES_ANSWER", "Answer of this series")
    return [
        _withdrawn(code) if notification.withdrawal else _answer(code, notification.series_answer),
        *_known(
            [
                (
                    "ST",
                    _local("ANSWER_SERIES", "Series Instance UID of the answer"),
                    notification.answer_series,
                )
            ]
        ),
    ]


def _answer(code: str, answer: Answer) -> Observation:
    return Observation(
        kind="CWE", code=code, value=ANSWERS[answer], abnormal=ABNORMAL.get(answer, "")
    )


def _withdrawn(code: str) -> Observation:
    """Not D, which would delete the answer: nothing at all reads as nothing found."""
    return Observation(kind="CWE", code=code, value=WITHDRAWN, status="W")


def _withdrawal(notification: Notification) -> list[Observation]:
    """Why, and the score, which is deleted."""
    withdrawal = notification.withdrawal
    if withdrawal is None:
        return []
    why = _observation("ST", _local("WITHDRAWAL", "Reason of the withdrawal"), withdrawal.code)
    if withdrawal.answer is Answer.NOT_ANALYSED:
        return [why]
    return [
        why,
        *(Observation(kind="NM", code=code, value="", status="D") for code in (SCORE, LESIONS)),
    ]


def _reason(notification: Notification) -> list[Observation]:
    if notification.refused is None:
        return []
    return [
        _observation("ST", _local("REASON", "Reason"), notification.refused.reason),
        _observation("TX", _local("REASON_TEXT", "Reason in words"), notification.refused.detail),
    ]


def _missing(notification: Notification) -> list[Observation]:
    """One for each part of the head that was not read."""
    code = _local("MISSING", "Part of the head that was not read")
    return [_observation("TX", code, part.sentence()) for part in notification.missing]


def _warnings(notification: Notification) -> list[Observation]:
    code = _local("WARNING", "Warning")
    return [
        _observation("TX", code, f"{warning.kind}: {warning.detail}")
        for warning in notification.warnings
    ]


def _score(notification: Notification) -> list[Observation]:
    if notification.series_probability is None or notification.threshold is None:
        return []
    return [
        Observation(
            kind="NM",
            code=SCORE,
            value=f"{percent(notification.series_probability):g}",
            units="%^percent^UCUM",
            reference_range=f"<{percent(notification.threshold):g}",
        ),
        _observation("NM", LESIONS, str(notification.lesions)),
    ]


def _facts(notification: Notification) -> list[Observation]:
    """Those that are known."""
    facts = [
        ("ST", "113014^DICOM Study^DCM", notification.study_instance_uid),
        ("ST", "112002^Series Instance UID^DCM", notification.series_instance_uid),
        ("NM", _local("SERIES_NUMBER", "Series Number"), _text(notification.series_number)),
        ("NM", _local("REVISION", "Revision of the reading"), str(notification.revision)),
        ("ST", _local("REPORT_UID", "SOP Instance UID of the SR"), notification.report_uid or ""),
        ("ST", _local("MODEL", "Model bundle"), notification.bundle_name),
        ("ST", _local("MODEL_SHA256", "SHA-256 of the model bundle"), notification.bundle_sha256),
        ("ST", _local("SOFTWARE", "Software"), f"ich-node {notification.software_version}"),
        ("TX", _local("TEXT", "Answer in words"), notification.sentence()),
        ("TX", _local("RESEARCH_USE", "Intended use"), RESEARCH_USE_NOTIFICATION),
    ]
    return _known(facts)


def _known(facts: Iterable[tuple[str, str, str]]) -> list[Observation]:
    """Of (kind, code, value) those with a value."""
    return [_observation(kind, code, value) for kind, code, value in facts if value]


def _observation(kind: str, code: str, value: str) -> Observation:
    """With its value escaped; a long text (TX) in lines, which are repetitions (§2.A.78)."""
    parts = lines(value) if kind == "TX" else [escaped(value)]
    return Observation(kind=kind, code=code, value="~".join(parts))


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _local(code: str, meaning: str) -> str:
    return f"{code}^{meaning}^{LOCAL}"


def timestamp(at: datetime) -> str:
    """TS, with its zone."""
    return at.strftime("%Y%m%d%H%M%S%z")
