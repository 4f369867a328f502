"""Audit messages: by the schema of PS3.15 A.5.1, with the right codes, and without patients."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from ich_node.auditing import AuditSource, audit_message, kinds
from ich_node.auditing.kinds import KINDS, kind_of
from ich_node.ledger.audit import (
    DONE,
    LOOK,
    READ_JOURNAL,
    REFUSED,
    SEARCH,
    SIGN_IN,
    SIGN_OUT,
    START,
    STOP,
    TURNED_AWAY,
    AuditEvent,
)
from tests.support import REPOSITORY

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).with_name("audit-message.rng")))
SOURCE = AuditSource(ae_title="ICHNODE", host="node1")
STUDY = "1.2.826.0.1.3680043.10.1624.20.1001"
AT = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)


def event(action, *, target="", study=None, outcome=DONE, detail="", who="Ada", address="10.1.2.3"):
    return AuditEvent(
        id=1,
        at=AT,
        who=who,
        address=address,
        action=action,
        target=target,
        study_instance_uid=study,
        outcome=outcome,
        detail=detail,
    )


def parsed(event):
    """Checked against the schema."""
    root = etree.fromstring(audit_message(event, SOURCE))
    assert SCHEMA.validate(root), SCHEMA.error_log
    return root


def codes(root):
    """EventID, EventTypeCode, EventActionCode, EventOutcomeIndicator."""
    identification = root.find("EventIdentification")
    event_type = identification.find("EventTypeCode")
    return (
        identification.find("EventID").get("csd-code"),
        None if event_type is None else event_type.get("csd-code"),
        identification.get("EventActionCode"),
        identification.get("EventOutcomeIndicator"),
    )


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (event(START, target="receive"), ("110100", "110120", "E", "0")),
        (event(STOP, target="receive"), ("110100", "110121", "E", "0")),
        (event(SIGN_IN), ("110114", "110122", "E", "0")),
        (event(SIGN_IN, outcome=REFUSED, detail="token"), ("110114", "110122", "E", "4")),
        (event(SIGN_IN, outcome=TURNED_AWAY), ("110114", "110122", "E", "8")),
        (event(SIGN_OUT), ("110114", "110123", "E", "0")),
        (event(LOOK, target="job 7", study=STUDY), ("110103", None, "R", "0")),
        (event("retry", target="job 7", study=STUDY), ("110103", None, "U", "0")),
        (event("retry", target="job 7", study=STUDY, outcome=REFUSED), ("110103", None, "U", "4")),
        (event("pause", target="reading"), ("110113", "110131", "E", "0")),
        (event("model activated", target="model b1"), ("110113", "110131", "E", "0")),
        (event("retry deliveries", target="destination pacs"), ("110113", "110132", "E", "0")),
        (event(SEARCH, target="accession"), ("110112", None, "E", "0")),
        (event("retry", target="job 7", outcome=TURNED_AWAY), ("110113", "110132", "E", "8")),
        (event(READ_JOURNAL), ("110101", None, "R", "0")),
    ],
    ids=lambda value: f"{value.action} {value.outcome}" if isinstance(value, AuditEvent) else "",
)
def test_event_becomes_its_message(it, expected):
    """Every kind of event is a message of PS3.15 A.5.3 that the schema accepts."""
    assert codes(parsed(it)) == expected


def test_every_kind_of_message_is_sent_by_some_event():
    """The conformance statement names no message that nothing becomes."""
    made = {
        kind_of(each)
        for each in (
            *(event(action) for action in (START, STOP, SIGN_IN, SIGN_OUT, LOOK, SEARCH)),
            event(READ_JOURNAL),
            event("pause"),
            event("ask"),
            event("retry", study=STUDY),
            event("retry", outcome=TURNED_AWAY),
        )
    }
    assert made == set(KINDS)


def test_actions_that_change_the_node_are_those_of_the_site():
    """A page that renames one would be reported as something else."""
    named = {name for name, kind in kinds._BY_ACTION.items() if kind is kinds.CHANGED_NODE}
    pages = (REPOSITORY / "ich_node/web/pages").glob("*.py")
    used = set(re.findall(r'acts\(\s*"[^"]+",\s*"([^"]+)"', "".join(p.read_text() for p in pages)))
    assert named <= used


def test_message_says_who_did_what_to_which_study():
    """Person with address, node with AE title, Study Instance UID, time with its zone."""
    root = parsed(event("withdraw", target="job 7", study=STUDY, outcome=REFUSED, detail="no job"))
    person, node = root.findall("ActiveParticipant")
    assert dict(person.attrib) == {
        "UserID": "Ada",
        "UserIsRequestor": "true",
        "NetworkAccessPointID": "10.1.2.3",
        "NetworkAccessPointTypeCode": "2",
    }
    assert node.get("AlternativeUserID") == "AETITLES=ICHNODE"
    assert node.get("NetworkAccessPointTypeCode") == "1"
    study = root.find("ParticipantObjectIdentification")
    assert study.get("ParticipantObjectID") == STUDY
    assert study.find("ParticipantObjectIDTypeCode").get("csd-code") == "110180"
    assert study.find("ParticipantObjectName").text == "job 7"
    assert b64decode(study.find("ParticipantObjectDetail").get("value")) == b"withdraw"
    identification = root.find("EventIdentification")
    assert identification.get("EventDateTime") == "2026-03-01T12:30:05.250+00:00"
    assert identification.find("EventOutcomeDescription").text == "withdraw refused: no job"
    assert root.find("AuditSourceIdentification").get("AuditSourceID") == "ICHNODE"


def test_start_names_the_service_and_who_started_it():
    """As A.5.3.1 wants it: the application and its launcher."""
    root = parsed(event(START, target="analyse", who="root", address="node1"))
    launcher, application = root.findall("ActiveParticipant")
    assert launcher.find("RoleIDCode").get("csd-code") == "110151"
    assert launcher.get("NetworkAccessPointTypeCode") == "1"
    assert application.get("UserID") == "ich-node analyse"
    assert application.find("RoleIDCode").get("csd-code") == "110150"
    assert root.find("ParticipantObjectIdentification") is None


def test_hostile_words_stay_words():
    """Markup, control characters and line breaks in a name end neither the XML nor the line."""
    it = event(SIGN_IN, who='<a href="x">&\x00\x1b\n</AuditMessage>\ud800', outcome=REFUSED)
    message = audit_message(it, SOURCE)
    assert "\n" not in message
    person = etree.fromstring(message).find("ActiveParticipant")
    assert person.get("UserID") == '<a href="x">&\ufffd\ufffd </AuditMessage>\ufffd'
