"""What a hostile peer cannot do: a legitimate echo and store succeed within two seconds all the while."""

import socket
import struct
import threading
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from heads import head_slice
from listening import EXPLICIT, Node, StartNode, echo_status, store
from peers import CT, associated, wait_until
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA


@pytest.fixture
def under_attack(start_node: StartNode) -> Node:
    return start_node(max_associations=2, acse_timeout_seconds=20, dimse_timeout_seconds=20, max_object_bytes=1 << 20)


def assert_open_for_business(node: Node) -> None:
    began = datetime.now(UTC)
    assert echo_status(node.port) == 0x0000
    assert store(node, head_slice(0))[0].Status == 0x0000
    assert datetime.now(UTC) - began < timedelta(seconds=2)


def connect(port: int, sends: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(sends)
    return connection


def test_stalled_sockets_do_not_shut_the_door(under_attack: Node) -> None:
    """50 peers send a PDU header and then nothing; the limit of associations counts only those that were admitted."""
    stalled = [connect(under_attack.port, struct.pack(">BBL", 1, 0, 2000)) for _ in range(50)]
    try:
        assert_open_for_business(under_attack)
    finally:
        for connection in stalled:
            connection.close()


def test_a_flood_of_silent_connections_pushes_out_only_itself(under_attack: Node) -> None:
    """Of 300 connections that say nothing the oldest are closed; who asks for an association gets one."""
    silent = [connect(under_attack.port) for _ in range(300)]
    try:
        assert_open_for_business(under_attack)
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
    finally:
        for connection in silent:
            connection.close()


def test_a_pdu_of_four_gigabytes_is_cut_off(under_attack: Node) -> None:
    """An announced length over the limit closes the connection before anything is allocated."""
    with connect(under_attack.port, struct.pack(">BBL", 1, 0, 0xFFFFFFFF)) as liar:
        liar.settimeout(5)
        assert liar.recv(1) == b""
    assert_open_for_business(under_attack)


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


def test_fragments_without_an_end_are_aborted(under_attack: Node) -> None:
    """A data set that never ends is dropped while it comes, and aborted at four times the limit; memory stays."""
    with associated(under_attack.port, contexts=EXPLICIT) as assoc:
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(CT), UID("1.2.3")
        request.DataSet = BytesIO(b"\x00\x00")
        message = C_STORE_RQ()
        message.primitive_to_message(request)
        context_id = assoc.accepted_contexts[0].context_id
        assoc.dul.send_pdu(next(iter(message.encode_msg(context_id, 16384))))
        endless = P_DATA()
        endless.presentation_data_value_list.append((context_id, b"\x00" + bytes(65_536)))
        for _ in range(100):
            assoc.dul.send_pdu(endless)
        wait_until(lambda: not assoc.is_established, seconds=10, what="the abort")
    assert_open_for_business(under_attack)


def test_fragments_that_are_no_message_are_aborted(under_attack: Node) -> None:
    """An empty fragment, and a command that does not exist, break only the association that they came over."""
    for fragment in (b"", b"\x03" + b"\xff" * 40, b"\x03"):
        with associated(under_attack.port, contexts=EXPLICIT) as assoc:
            nonsense = P_DATA()
            nonsense.presentation_data_value_list.append((assoc.accepted_contexts[0].context_id, fragment))
            assoc.dul.send_pdu(nonsense)
            wait_until(lambda assoc=assoc: not assoc.is_established, seconds=10, what="the abort")
    assert_open_for_business(under_attack)


def test_echo_answers_while_objects_come_in(under_attack: Node) -> None:
    """A busy node still says that it is there."""
    stop = threading.Event()

    def keep_sending() -> None:
        index = 0
        with associated(under_attack.port, contexts=EXPLICIT) as assoc:
            while not stop.is_set():
                assoc.send_c_store(head_slice(index := index + 1))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        assert echo_status(under_attack.port) == 0x0000
    finally:
        stop.set()
        sender.join()
