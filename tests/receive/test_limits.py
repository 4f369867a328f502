"""The limits of the acceptor, one by one. That legitimate peers are served meanwhile is in
test_attacks.py.
"""

import struct
import threading
from io import BytesIO

import pytest
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from ich_node.network.acceptor.waiting_room import MOST_PENDING
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, echo_status, store
from tests.support.peers import CT, associated, wait_until
from tests.support.raw_dicom import answer, associate_rq, c_store_rq, connect, fragment


@pytest.fixture
def node(start_node: StartNode) -> ListeningNode:
    return start_node(
        max_associations=2,
        acse_timeout_seconds=20,
        dimse_timeout_seconds=20,
        max_object_bytes=1 << 20,
    )


def assert_serves(node: ListeningNode) -> None:
    assert echo_status(node.port) == 0x0000
    assert store(node, head_slice(0))[0].Status == 0x0000


def test_a_flood_of_silent_connections_pushes_out_only_itself(node: ListeningNode) -> None:
    """With more silent connections than the limit the oldest are closed; a peer that asks for an
    association gets one.
    """
    silent = [connect(node.port) for _ in range(MOST_PENDING + 20)]
    try:
        assert_serves(node)
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
    finally:
        for connection in silent:
            connection.close()


def test_a_pdu_of_four_gigabytes_is_cut_off(node: ListeningNode) -> None:
    """An announced length over the limit gets an A-ABORT before anything is allocated."""
    with connect(node.port, struct.pack(">BBL", 1, 0, 0xFFFFFFFF)) as liar:
        assert answer(liar)[:1] == b"\x07"
        assert answer(liar) == b""
    assert_serves(node)


def test_one_byte_a_second_meets_the_deadline(start_node: StartNode) -> None:
    """The deadline is for the whole PDU: a peer that trickles its request is cut off."""
    node = start_node(acse_timeout_seconds=0.5)
    with connect(node.port, struct.pack(">BBL", 1, 0, 2000)) as slow:
        slow.settimeout(0.1)

        def is_cut_off() -> bool:
            try:
                slow.sendall(b"\x00")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_cut_off, seconds=5, what="the cut")


def test_a_silent_association_is_aborted(start_node: StartNode) -> None:
    """After idle_timeout_seconds without a message."""
    node = start_node(idle_timeout_seconds=0.3)
    with connect(node.port, associate_rq()) as silent:
        assert answer(silent)[:1] == b"\x02"
        assert answer(silent)[:1] == b"\x07"
    assert_serves(node)


def test_fragments_without_an_end_are_aborted(node: ListeningNode) -> None:
    """A data set that never ends is dropped, and aborted at four times the limit."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        begin_store(assoc)
        for _ in range(100):
            assoc.dul.send_pdu(fragment_of_zeros(assoc))
        wait_until(lambda: not assoc.is_established, seconds=10, what="the abort")
    assert_serves(node)


def begin_store(assoc: Association) -> None:
    """The command of a C-STORE, without its data set."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(CT), UID("1.2.3")
    request.DataSet = BytesIO(b"\x00\x00")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    assoc.dul.send_pdu(next(iter(message.encode_msg(assoc.accepted_contexts[0].context_id, 16384))))


def fragment_of_zeros(assoc: Association) -> P_DATA:
    """64 KiB of a data set, not the last."""
    fragment = P_DATA()
    fragment.presentation_data_value_list.append(
        (assoc.accepted_contexts[0].context_id, b"\x00" + bytes(65_536))
    )
    return fragment


def test_fragments_that_are_no_message_are_aborted(node: ListeningNode) -> None:
    """An empty fragment, and a command that does not exist, end only their own association."""
    for data in (b"", b"\x03" + b"\xff" * 40, b"\x03"):
        with associated(node.port, contexts=EXPLICIT) as assoc:
            malformed = P_DATA()
            malformed.presentation_data_value_list.append(
                (assoc.accepted_contexts[0].context_id, data)
            )
            assoc.dul.send_pdu(malformed)
            wait_until(lambda assoc=assoc: not assoc.is_established, seconds=10, what="the abort")
    assert_serves(node)


def test_echo_answers_while_objects_come_in(node: ListeningNode) -> None:
    """C-ECHO is answered while another association sends objects."""
    stop = threading.Event()

    def keep_sending() -> None:
        index = 0
        with associated(node.port, contexts=EXPLICIT) as assoc:
            while not stop.is_set():
                assoc.send_c_store(head_slice(index := index + 1))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        assert echo_status(node.port) == 0x0000
    finally:
        stop.set()
        sender.join()


def test_an_object_that_trickles_is_aborted(start_node: StartNode) -> None:
    """Each PDU is in time, but the object arrives at less than 64 kbit/s."""
    node = start_node(dimse_timeout_seconds=0.5)
    with connect(node.port, associate_rq()) as slow:
        answer(slow)
        slow.sendall(c_store_rq()[0])
        slow.settimeout(0.1)

        def is_aborted() -> bool:
            try:
                slow.sendall(fragment(bytes(10), is_last=False))
                return answer(slow)[:1] in (b"\x07", b"")
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_aborted, seconds=10, what="the abort")
    assert_serves(node)


def test_a_peer_that_does_not_wait_for_responses_is_aborted(node: ListeningNode) -> None:
    """One operation at a time was negotiated; otherwise objects would fill the memory."""
    with connect(node.port, associate_rq()) as hasty:
        answer(hasty)
        for _ in range(50):
            try:
                hasty.sendall(b"".join(c_store_rq()))
            except ConnectionError:
                break
        answers = []
        while (kind := answer(hasty)[:1]) == b"\x04":
            answers.append(kind)
    assert len(answers) < 50
    assert_serves(node)
