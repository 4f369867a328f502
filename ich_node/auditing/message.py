"""An event of the journal as a DICOM audit message: XML by the schema of PS3.15 A.5.1.

The ledger has no identifiers, so neither has the message: the patient, whom A.5.3 wants beside a
study, is missing; the Study Instance UID leads to him in the archive.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from xml.etree import ElementTree as ET

from ich_node.auditing import codes
from ich_node.auditing.codes import Code
from ich_node.auditing.kinds import (
    JOURNAL_READ,
    STARTED,
    STOPPED,
    Kind,
    kind_of,
    outcome_of,
)
from ich_node.ledger.audit import AuditEvent

# XML 1.0 has no other control characters.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MACHINE_NAME, IP_ADDRESS = "1", "2"  # NetworkAccessPointTypeCode
APPLICATION_SERVER = "4"  # AuditSourceTypeCode
SYSTEM_OBJECT = "2"  # ParticipantObjectTypeCode
REPORT, SECURITY_RESOURCE = "3", "13"  # ParticipantObjectTypeCodeRole


@dataclass(frozen=True, kw_only=True)
class AuditSource:
    """The node that reports."""

    ae_title: str
    host: str


def audit_message(event: AuditEvent, source: AuditSource) -> str:
    """In one line."""
    kind = kind_of(event)
    root = ET.Element("AuditMessage")
    _event(root, event, kind)
    _participants(root, event, kind, source)
    reporter = _add(root, "AuditSourceIdentification", AuditSourceID=source.ae_title)
    _add(reporter, "AuditSourceTypeCode", **{"csd-code": APPLICATION_SERVER})
    _objects(root, event, kind)
    return ET.tostring(root, encoding="unicode")


def _event(root: ET.Element, event: AuditEvent, kind: Kind) -> None:
    identification = _add(
        root,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=event.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=outcome_of(event),
    )
    _coded(identification, "EventID", kind.id)
    if kind.type is not None:
        _coded(identification, "EventTypeCode", kind.type)
    words = f"{event.action} {event.outcome}"
    described = _add(identification, "EventOutcomeDescription")
    described.text = _clean(f"{words}: {event.detail}" if event.detail else words)


def _participants(root: ET.Element, event: AuditEvent, kind: Kind, source: AuditSource) -> None:
    """Who asked, and the service that did it."""
    is_about_service = kind in (STARTED, STOPPED)
    person = _add(
        root,
        "ActiveParticipant",
        UserID=event.who or "unknown",
        UserIsRequestor="true",
        **_access_point(event.address),
    )
    if is_about_service:
        _coded(person, "RoleIDCode", codes.APPLICATION_LAUNCHER)
    service = _add(
        root,
        "ActiveParticipant",
        UserID=f"ich-node {event.target}" if is_about_service else "ich-node",
        AlternativeUserID=f"AETITLES={source.ae_title}",
        UserIsRequestor="false",
        **_access_point(source.host),
    )
    _coded(service, "RoleIDCode", codes.APPLICATION)


def _objects(root: ET.Element, event: AuditEvent, kind: Kind) -> None:
    """The study, the journal, or what else of the node it was done to."""
    if kind in (STARTED, STOPPED):
        return
    if event.study_instance_uid is not None:
        study = _object(root, event.study_instance_uid, codes.STUDY_INSTANCE_UID, REPORT)
        _add(study, "ParticipantObjectName").text = _clean(event.target or event.study_instance_uid)
        _detail(study, event)
    elif kind is JOURNAL_READ:
        journal = _object(root, "/journal", codes.URI, SECURITY_RESOURCE)
        _add(journal, "ParticipantObjectName").text = "Security Audit Log"
    elif event.target:
        thing = _object(root, event.target, codes.NODE_ID, SECURITY_RESOURCE)
        _add(thing, "ParticipantObjectName").text = _clean(event.target)
        _detail(thing, event)


def _object(root: ET.Element, name: str, type_code: Code, role: str) -> ET.Element:
    thing = _add(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=name,
        ParticipantObjectTypeCode=SYSTEM_OBJECT,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(thing, "ParticipantObjectIDTypeCode", type_code)
    return thing


def _detail(thing: ET.Element, event: AuditEvent) -> None:
    """What was done, in the journal's word."""
    value = base64.b64encode(event.action.encode()).decode()
    _add(thing, "ParticipantObjectDetail", type="Action", value=value)


def _access_point(address: str) -> Mapping[str, str]:
    if not address:
        return {}
    try:
        ip_address(address)
    except ValueError:
        kind = MACHINE_NAME
    else:
        kind = IP_ADDRESS
    return {"NetworkAccessPointID": address, "NetworkAccessPointTypeCode": kind}


def _coded(parent: ET.Element, name: str, code: Code) -> None:
    _add(
        parent,
        name,
        **{"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning},
    )


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    cleaned = {key: _clean(value) for key, value in attributes.items()}
    return ET.SubElement(parent, name, cleaned)


def _clean(text: str) -> str:
    """In one line: a line break ends the message of some receivers."""
    return " ".join(NOT_IN_XML.sub("\ufffd", text).split())
