"""What a hostile peer cannot do: a legitimate echo and store succeed within two seconds all the while."""

import re
import socket
import struct
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from heads import head_slice
from listening import EXPLICIT, Node, StartNode, echo_status, store
from peers import CT, associated, free_port, running, wait_until
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA
from raw_dicom import associate_rq, c_store_rq, fragment

from ich_node.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES

pytestmark = pytest.mark.alone


@pytest.fixture
def under_attack(start_node: StartNode) -> Node:
    return start_node(max_associations=2, acse_timeout_seconds=20, dimse_timeout_seconds=20, max_object_bytes=1 << 20)


def assert_open_for_business(node: Node) -> None:
    """C-ECHO and C-STORE succeed each time, and within two seconds at least once: other work on the machine may take the rest."""
    took = []
    for _ in range(3):
        began = datetime.now(UTC)
        assert echo_status(node.port) == 0x0000
        assert store(node, head_slice(0))[0].Status == 0x0000
        took.append(datetime.now(UTC) - began)
        if took[-1] < timedelta(seconds=2):
            return
    pytest.fail(f"an echo and a store took {took}")


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
        begin_store(assoc)
        for _ in range(100):
            assoc.dul.send_pdu(fragment_of_zeros(assoc))
        wait_until(lambda: not assoc.is_established, seconds=10, what="the abort")
    assert_open_for_business(under_attack)


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
    fragment.presentation_data_value_list.append((assoc.accepted_contexts[0].context_id, b"\x00" + bytes(65_536)))
    return fragment


def test_fragments_that_are_no_message_are_aborted(under_attack: Node) -> None:
    """An empty fragment, and a command that does not exist, break only the association that they came over."""
    for data in (b"", b"\x03" + b"\xff" * 40, b"\x03"):
        with associated(under_attack.port, contexts=EXPLICIT) as assoc:
            nonsense = P_DATA()
            nonsense.presentation_data_value_list.append((assoc.accepted_contexts[0].context_id, data))
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


def test_a_burst_of_a_thousand_connections(under_attack: Node) -> None:
    """1,000 connects in a row, each closed at once: no thread is left behind, and business goes on."""
    before = threading.active_count()
    flood = threading.Thread(target=lambda: [connect(under_attack.port).close() for _ in range(1000)])
    flood.start()
    assert_open_for_business(under_attack)
    flood.join()
    wait_until(lambda: threading.active_count() <= before + 2, what="the end of all threads")


def test_as_many_contexts_as_there_can_be(under_attack: Node) -> None:
    """128 presentation contexts of 38 transfer syntaxes each: those that we know are accepted, and business goes on."""
    syntaxes = [*ACCEPTED_TRANSFER_SYNTAXES, *(UID(f"1.2.3.{number}") for number in range(26))]
    with associated(under_attack.port, contexts=[(CT, syntaxes)] * 128) as assoc:
        assert assoc.is_established
        assert_open_for_business(under_attack)


def test_memory_stays_while_everything_comes_at_once(tmp_path: Path) -> None:
    """Lies about lengths, endless data sets, silent floods against `ich-node receive`: its memory peaks below 300 MB."""
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(
        f'[scp]\nbind_address = "127.0.0.1"\nport = {port}\nmax_object_bytes = 4194304\n'
        f'[[sources]]\nname = "ct"\nae_title = "CT1"\n[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\nreserve_bytes = 0\n'
    )
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=tmp_path / "log") as receiver:
        for length in (0xFFFFFFFF, 0x7FFFFFFF, 131_073):
            for kind in (1, 2, 4):
                connect(port, struct.pack(">BBL", kind, 0, length) + bytes(1000)).close()
        silent = [connect(port, struct.pack(">BBL", 1, 0, 131_000) + bytes(60_000)) for _ in range(100)]
        attackers = [threading.Thread(target=send_without_end, args=(port,)) for _ in range(8)]
        for attacker in attackers:
            attacker.start()
        for attacker in attackers:
            attacker.join()
        for connection in silent:
            connection.close()
        assert echo_status(port) == 0x0000
        peak_kb = int(re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{receiver.pid}/status").read_text())[0])
    assert peak_kb < 300_000
    assert "Traceback" not in (tmp_path / "log").read_text()


def send_without_end(port: int) -> None:
    """A data set that goes on until the association breaks."""
    command, *_ = c_store_rq()
    with suppress(OSError), connect(port, associate_rq()) as endless:
        endless.recv(4096)
        endless.sendall(command)
        for _ in range(1000):
            endless.sendall(fragment(bytes(65_536), is_last=False))
