"""A Notification -> HL7 v2.5.1 ORU^R01: one order, and what was observed in its series. The same
notification, the same bytes.

::

    MSH                                      who, to whom; MSH-10 stays the same however often it is sent
    PID                                      only with identifiers
    OBR   OBR-2 placer, OBR-3 filler, OBR-18 accession number: only with identifiers; else OBR-3 is the series
    OBX   1  the answer                      OBX-8 A or N; OBX-11 P, C for a revision that replaces another, X if not analysed
          2  the series probability in %     OBX-7 the threshold
          .. lesions, UIDs, the bundle, a sentence, "research use only"
"""

import base64
import hashlib
from datetime import datetime

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Group, Message
from hl7apy.exceptions import HL7apyException

from ich_node.config.destinations import Hl7Destination
from ich_node.deliver.outlets.outlet import NotSent
from ich_node.dicom.identity import RESEARCH_USE_NOTIFICATION
from ich_node.notification import Answer, Notification

LOCAL = "99ICHNODE"
SERVICE = f"ICH^Intracranial hemorrhage, automated reading of CT head^{LOCAL}"
HEMORRHAGE = "1386000^Intracranial hemorrhage^SCT"
# The answer in a word, with SNOMED CT's Present, Absent and Indeterminate beside it, as in the SR
ANSWERS = {
    Answer.SUSPECTED: f"SUSPECTED^Intracranial hemorrhage suspected^{LOCAL}^52101004^Present^SCT",
    Answer.NOT_FOUND: f"NOT_FOUND^No intracranial hemorrhage found^{LOCAL}^272519000^Absent^SCT",
    Answer.NOT_ANALYSED: f"NOT_ANALYSED^Could not be analysed^{LOCAL}^82334004^Indeterminate^SCT",
}
ABNORMAL = {Answer.SUSPECTED: "A", Answer.NOT_FOUND: "N", Answer.NOT_ANALYSED: ""}  # table 0078
ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
CONTROL_ID_LENGTH = 20  # MSH-10 in v2.5.1


def control_id(notification: Notification) -> str:
    """MSH-10."""
    digest = hashlib.sha256(notification.uid.encode()).digest()
    return base64.b32encode(digest).decode()[:CONTROL_ID_LENGTH]


def oru_r01(notification: Notification, destination: Hl7Destination) -> bytes:
    """The message in UTF-8, checked against the grammar of v2.5.1. Raises NotSent if a header's
    value does not go into it.
    """
    try:
        message = Message("ORU_R01", version="2.5.1", validation_level=VALIDATION_LEVEL.TOLERANT)
        _write_header(message, notification, destination)
        result = message.add_group("ORU_R01_PATIENT_RESULT")
        if destination.identifiers:
            _write_patient(result.add_group("ORU_R01_PATIENT"), notification)
        order = result.add_group("ORU_R01_ORDER_OBSERVATION")
        _write_order(order, notification, with_identifiers=destination.identifiers)
        for number, observation in enumerate(_observations(notification), start=1):
            _write_observation(order, number, observation, notification)
        message.validate()
    except HL7apyException as error:
        # not its words: they may quote the patient
        raise NotSent(
            f"the notification cannot be written as HL7 ({type(error).__name__})"
        ) from None
    return f"{message.to_er7()}\r".encode()


def _write_header(
    message: Message, notification: Notification, destination: Hl7Destination
) -> None:
    msh = message.msh
    msh.msh_3, msh.msh_4 = (
        escaped(destination.sending_application),
        escaped(destination.sending_facility),
    )
    msh.msh_5, msh.msh_6 = (
        escaped(destination.receiving_application),
        escaped(destination.receiving_facility),
    )
    msh.msh_7 = timestamp(notification.at)
    msh.msh_9 = "ORU^R01^ORU_R01"
    msh.msh_10 = control_id(notification)
    msh.msh_11 = destination.processing_id
    msh.msh_18 = "UNICODE UTF-8"


def _write_patient(group: Group, notification: Notification) -> None:
    who = notification.identifiers
    group.pid.pid_1 = "1"
    group.pid.pid_3 = f"{escaped(who.patient_id)}^^^{escaped(who.issuer_of_patient_id)}"
    for name in person_names(who.patient_name):
        group.pid.add_field("pid_5").value = name
    group.pid.pid_7, group.pid.pid_8 = who.patient_birth_date, who.patient_sex


def _write_order(group: Group, notification: Notification, *, with_identifiers: bool) -> None:
    obr, who = group.obr, notification.identifiers
    obr.obr_1 = "1"
    obr.obr_3 = escaped(notification.series_instance_uid)
    obr.obr_4 = SERVICE
    if with_identifiers:
        obr.obr_2 = escaped(who.placer_order_number)
        obr.obr_3 = escaped(
            who.filler_order_number or who.accession_number or notification.series_instance_uid
        )
        obr.obr_7 = f"{who.study_date}{who.study_time[:6]}" if who.study_date else ""
        obr.obr_18 = escaped(who.accession_number)
    obr.obr_22 = timestamp(notification.at)
    obr.obr_24 = "CT"  # table 0074
    # table 0123. Not X: that would cancel an order, which may be the radiologist's
    obr.obr_25 = "I" if notification.refused else "C" if notification.replaces else "P"


Observation = tuple[str, str, str, dict[str, str]]


def _observations(notification: Notification) -> list[Observation]:
    """(OBX-2, OBX-3, OBX-5, more fields), the answer first."""
    answer: list[Observation] = [
        (
            "CWE",
            HEMORRHAGE,
            ANSWERS[notification.finding],
            {"obx_8": ABNORMAL[notification.finding]},
        ),
    ]
    if notification.refused is not None:
        answer.append(("ST", _local("REASON", "Reason"), escaped(notification.refused.reason), {}))
        answer.append(
            (
                "TX",
                _local("REASON_TEXT", "Reason in words"),
                escaped(notification.refused.detail),
                {},
            )
        )
    if notification.series_probability is not None and notification.threshold is not None:
        more = {"obx_6": "%^percent^UCUM", "obx_7": f"<{_percent(notification.threshold)}"}
        answer.append(
            (
                "NM",
                _local("PROBABILITY", "Series probability"),
                _percent(notification.series_probability),
                more,
            )
        )
        answer.append(("NM", _local("LESIONS", "Lesions marked"), str(notification.lesions), {}))
    facts = [
        ("ST", "113014^DICOM Study^DCM", notification.study_instance_uid),
        ("ST", "112002^Series Instance UID^DCM", notification.series_instance_uid),
        ("NM", _local("REVISION", "Revision of the reading"), str(notification.revision)),
        ("ST", _local("REPORT_UID", "SOP Instance UID of the SR"), notification.report_uid or ""),
        ("ST", _local("MODEL", "Model bundle"), notification.bundle_name),
        ("ST", _local("MODEL_SHA256", "SHA-256 of the model bundle"), notification.bundle_sha256),
        ("ST", _local("SOFTWARE", "Software"), f"ich-node {notification.software_version}"),
        ("TX", _local("TEXT", "Answer in words"), notification.sentence()),
        ("TX", _local("RESEARCH_USE", "Intended use"), RESEARCH_USE_NOTIFICATION),
    ]
    return answer + [(kind, code, escaped(value), {}) for kind, code, value in facts if value]


def _write_observation(
    group: Group, number: int, observation: Observation, notification: Notification
) -> None:
    kind, code, value, more = observation
    obx = group.add_group("ORU_R01_OBSERVATION").obx
    obx.obx_1, obx.obx_2, obx.obx_3, obx.obx_5 = str(number), kind, code, value
    for name, field in more.items():
        setattr(obx, name, field)
    obx.obx_11 = (
        "X" if notification.refused else "C" if notification.replaces else "P"
    )  # table 0085
    obx.obx_14 = timestamp(notification.at)


def _local(code: str, meaning: str) -> str:
    return f"{code}^{meaning}^{LOCAL}"


def _percent(probability: float) -> str:
    return f"{100 * probability:.4g}"


def timestamp(at: datetime) -> str:
    """TS, with its zone."""
    return at.strftime("%Y%m%d%H%M%S%z")


def escaped(text: str) -> str:
    """HL7 v2.5.1 §2.7: delimiters as escape sequences, what ends a segment as a space."""
    return "".join(character if character.isprintable() else " " for character in text).translate(
        ESCAPES
    )


def person_names(name: str) -> list[str]:
    """PN of PS3.5 §6.2 as XPN: suffix and prefix change places; each group of writing becomes a
    repetition with its XPN-8.
    """
    repetitions = []
    for group, code in zip(name.split("="), "AIP", strict=False):
        if group.strip("^ "):
            family, given, middle, prefix, suffix = (
                escaped(part) for part in (group.split("^") + [""] * 5)[:5]
            )
            repetitions.append(f"{family}^{given}^{middle}^{suffix}^{prefix}^^^{code}")
    return repetitions
