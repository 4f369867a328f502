"""Bytes that nobody thought of: whatever comes, the listener neither crashes nor hangs nor answers with a traceback."""

import os
import socket
import struct
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from heads import head_slice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listening import Node, StartNode, echo_status, store
from peers import CT, wait_until
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

CASES = int(os.environ.get("ICH_NODE_FUZZ_CASES", "500"))
FUZZ = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"


def item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(data)) + data


def pdu(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(data)) + data


def associate_rq() -> bytes:
    """A-ASSOCIATE-RQ of CT1 for CT in Explicit VR Little Endian, as PS3.8 §9.3.2 has it."""
    context = bytes([1, 0, 0, 0]) + item(0x30, CT.encode()) + item(0x40, ExplicitVRLittleEndian.encode())
    user = item(0x51, struct.pack(">L", 16_384)) + item(0x52, b"2.25.1")
    titles = b"ICHNODE".ljust(16) + b"CT1".ljust(16)
    return pdu(
        1, b"\x00\x01\x00\x00" + titles + bytes(32) + item(0x10, APPLICATION_CONTEXT) + item(0x20, context) + item(0x50, user)
    )


def c_store_rq() -> list[bytes]:
    """The P-DATA-TF PDUs of one small object."""
    ds = head_slice(0, rows=16, columns=16)
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    from io import BytesIO

    request.DataSet = BytesIO(encode(ds, is_implicit_vr=False, is_little_endian=True) or b"")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    pdus = []
    for primitive in message.encode_msg(1, 16_384):
        for context_id, data in primitive.presentation_data_value_list:
            pdus.append(pdu(4, struct.pack(">LB", len(data) + 1, context_id) + data))
    return pdus


VALID = [associate_rq(), *c_store_rq(), pdu(5, bytes(4)), pdu(7, bytes(4))]


@st.composite
def damaged(draw: Any, streams: Any) -> bytes:
    """One of the streams with bytes replaced, cut out, doubled or put in."""
    stream = bytearray(draw(streams))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(stream) - 1)))
        end = at + draw(st.sampled_from([1, 1, 2, 4, 50]))
        what = draw(st.sampled_from(["replace", "cut", "double", "insert"]))
        if what == "replace":
            stream[at:end] = draw(st.binary(min_size=end - at, max_size=end - at))
        elif what == "cut":
            del stream[at:end]
        elif what == "double":
            stream[at:at] = stream[at:end]
        else:
            stream[at:at] = draw(st.binary(max_size=8))
    return bytes(stream)


@pytest.fixture(scope="module")
def crashes() -> Iterator[list[str]]:
    """Exceptions that ended a thread."""
    seen: list[str] = []
    before, threading.excepthook = threading.excepthook, lambda args: seen.append("".join(traceback.format_exception(args.exc_value)[-4:]))
    yield seen
    threading.excepthook = before


def say(port: int, *sent: bytes) -> None:
    """All of it, then hang up; what comes back is read and forgotten."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for part in sent:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while connection.recv(65_536):
            pass


def test_damaged_pdus(start_node: StartNode, crashes: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """PDUs in any order, each possibly damaged, with and without an association."""
    node = start_node(acse_timeout_seconds=1, dimse_timeout_seconds=1)
    whole = st.lists(st.sampled_from(VALID), min_size=1, max_size=4).map(b"".join)

    @FUZZ
    @given(data=damaged(whole), associated=st.booleans())
    def attack(data: bytes, associated: bool) -> None:
        say(node.port, *([VALID[0]] if associated else []), data)

    attack()
    assert_unharmed(node, crashes, capfd)


def test_damaged_data_sets(start_node: StartNode, crashes: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Objects whose bytes are damaged: stored or refused, each with a status, over one association after the other."""
    node = start_node(acse_timeout_seconds=1, dimse_timeout_seconds=1)
    command, *data = c_store_rq()
    body = b"".join(part[12:] for part in data)

    @FUZZ
    @given(data=damaged(st.just(body)))
    def attack(data: bytes) -> None:
        fragment = pdu(4, struct.pack(">LBB", len(data) + 2, 1, 2) + data)
        say(node.port, VALID[0], command, fragment, pdu(5, bytes(4)))

    attack()
    assert_unharmed(node, crashes, capfd)


def assert_unharmed(node: Node, crashes: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """No thread died, nothing hangs, no traceback was printed, and business goes on."""
    assert not crashes, f"{len(crashes)} threads died, the first of {crashes[0]}"
    assert "Traceback" not in "".join(capfd.readouterr())
    assert echo_status(node.port) == 0x0000
    assert store(node, head_slice(0))[0].Status == 0x0000
    wait_until(lambda: sum("Acceptor" in thread.name for thread in threading.enumerate()) <= 3, what="the end of all threads")
