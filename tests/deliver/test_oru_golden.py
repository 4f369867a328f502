"""ORU^R01 byte by byte, for every kind of answer and every setting that changes a message."""

import json
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from ich_node.deliver.outlets.oru import oru_r01
from tests.support.oru_cases import CASES

MESSAGES = json.loads(Path(__file__).with_name("oru_messages.json").read_text(encoding="utf-8"))


def test_every_case_has_its_message():
    """No message is left over, and none is missing."""
    assert MESSAGES.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_message_keeps_its_bytes(name):
    """Receivers match on these bytes; a message that is sent again must be the same one."""
    message = oru_r01(*CASES[name]).text.decode()
    assert message == "".join(f"{segment}\r" for segment in MESSAGES[name])


@pytest.mark.parametrize("name", CASES)
def test_a_message_keeps_the_grammar(name):
    """HL7 v2.5.1, strictly, as hl7apy reads the bytes."""
    message = oru_r01(*CASES[name]).text.decode()
    assert parse_message(message, validation_level=VALIDATION_LEVEL.STRICT).validate()
