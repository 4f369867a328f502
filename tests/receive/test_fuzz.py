"""Bytes that nobody thought of: whatever comes, the listener neither crashes nor hangs nor answers
with a traceback.
"""

import os
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ich_node.config.settings import Source
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, echo_status
from tests.support.peers import associated, wait_until
from tests.support.raw_dicom import associate_rq, c_store_rq, fragment, pdu

# For each of the two tests: 500 cases in CI, 10,000 by `make fuzz`.
CASES = int(os.environ.get("ICH_NODE_FUZZ_CASES", "250"))
FUZZ = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
# The clock of the test stands still, so that nothing would be earned again.
SOURCES = (Source(name="ct", ae_title="CT1", associations_per_minute=1_000_000),)
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
    before, threading.excepthook = (
        threading.excepthook,
        lambda args: seen.append("".join(traceback.format_exception(args.exc_value)[-4:])),
    )
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


def test_damaged_pdus(
    start_node: StartNode, crashes: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """PDUs in any order, each possibly damaged, with and without an association."""
    node = start_node(sources=SOURCES, acse_timeout_seconds=0.3, dimse_timeout_seconds=0.3)
    whole = st.lists(st.sampled_from(VALID), min_size=1, max_size=4).map(b"".join)

    @FUZZ
    @given(data=damaged(whole), is_associated=st.booleans())
    def attack(data: bytes, is_associated: bool) -> None:
        say(node.port, *([VALID[0]] if is_associated else []), data)

    attack()
    assert_unharmed(node, crashes, capfd)


def test_damaged_data_sets(
    start_node: StartNode, crashes: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Objects whose bytes are damaged: stored or refused, each with a status, over one association
    after the other.
    """
    node = start_node(sources=SOURCES, acse_timeout_seconds=0.3, dimse_timeout_seconds=0.3)
    command, *data = c_store_rq()
    body = b"".join(part[12:] for part in data)

    @FUZZ
    @given(data=damaged(st.just(body)))
    def attack(data: bytes) -> None:
        say(node.port, VALID[0], command, fragment(data, is_last=True), pdu(5, bytes(4)))

    attack()
    assert_unharmed(node, crashes, capfd)


def test_peers_that_release_and_hang_up_at_once_leave_nothing_behind(start_node: StartNode) -> None:
    """The answer to the release has nowhere to go: it is dropped, and the threads end long before
    any time limit.
    """
    node = start_node(sources=SOURCES, acse_timeout_seconds=60, dimse_timeout_seconds=60)
    for _ in range(20):
        say(node.port, VALID[0], *c_store_rq(), pdu(5, bytes(4)))
    wait_until(
        lambda: not any("Acceptor" in thread.name for thread in threading.enumerate()),
        what="the end of all threads",
    )


def assert_unharmed(
    node: ListeningNode, crashes: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """No thread died, nothing hangs, no traceback was printed, and business goes on."""
    assert not crashes, f"{len(crashes)} threads died, the first of {crashes[0]}"
    assert "Traceback" not in "".join(capfd.readouterr())
    wait_until(lambda: echo_status(node.port) == 0x0000, what="an answer to C-ECHO")
    wait_until(lambda: stores(node), what="an answer to C-STORE")
    wait_until(
        lambda: sum("Acceptor" in thread.name for thread in threading.enumerate()) <= 3,
        what="the end of all threads",
    )


def stores(node: ListeningNode) -> bool:
    """Whether a legitimate object is taken; under load the short deadlines of this test may cut it
    off, too.
    """
    with associated(node.port, contexts=EXPLICIT) as assoc:
        return bool(
            assoc.is_established and assoc.send_c_store(head_slice(0)).get("Status") == 0x0000
        )
