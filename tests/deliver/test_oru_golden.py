"""ORU^R01 byte by byte, for every kind of answer and every setting that changes a message."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from ich_node.deliver.outlets.oru import NoPatientName, oru_r01
from ich_node.notification import Identifiers
from tests.support.oru_cases import CASES

MESSAGES = json.loads(Path(__file__).with_name("oru_messages.json").read_text(encoding="utf-8"))


def test_every_case_has_its_message():
    """No message is left over, and none is missing."""
    assert MESSAGES.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_message_keeps_its_bytes(name):
    """Receivers match on these bytes; a message that is sent again must be the same one."""
    message = oru_r01(*CASES[name]).decode()
    assert message == "".join(f"{segment}\r" for segment in MESSAGES[name])


@pytest.mark.parametrize("name", CASES)
def test_a_message_keeps_the_grammar(name):
    """HL7 v2.5.1, strictly, as hl7apy reads the bytes."""
    message = oru_r01(*CASES[name]).decode()
    assert parse_message(message, validation_level=VALIDATION_LEVEL.STRICT).validate()


def test_a_patient_without_a_name_is_not_identified():
    """PID-5 is required: the message says so instead of being wrong."""
    notification, destination = CASES["only a name and a number"]
    with pytest.raises(NoPatientName, match="has none"):
        oru_r01(replace(notification, identifiers=Identifiers(patient_id="P1")), destination)
