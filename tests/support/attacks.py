"""What a hostile peer does, in a process of its own, so that it shares no lock with the victim.

    python -m tests.support.attacks

reads lines from its standard input: `start NAME PORT CALLED_AE CALLING_AE` starts an attack, and it
writes "in place" when the attack runs; `stop` ends the one that was started last, and it writes
"over". It ends with its input.
"""

import queue
import socket
import ssl
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from tests.support.heads import ROOT, head_slice
from tests.support.peers import CT
from tests.support.raw_dicom import (
    RELEASE_RQ,
    answer,
    associate_rq,
    c_store_rq,
    connect,
    encoded,
    fragment,
    pdu,
)

MOST_FRAGMENT = 16_384 - 6
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"


@dataclass(frozen=True, kw_only=True)
class Victim:
    """Who is attacked, and in whose name."""

    port: int
    called: str = "ICHNODE"
    calling: str = "CT1"


# over: set to end the attack; in_place: called when it runs, and again
Attack = Callable[[Victim, threading.Event, Callable[[], None]], None]


def hold(
    open_one: Callable[[], socket.socket],
    count: int,
    over: threading.Event,
    in_place: Callable[[], None],
) -> None:
    """So many connections at the same time; one that is closed is opened again a second later."""
    held: list[socket.socket] = []
    while not over.is_set():
        held = [connection for connection in held if not is_closed(connection)]
        with suppress(OSError):
            while len(held) < count and not over.is_set():
                held.append(open_one())
        in_place()
        over.wait(1)
    for connection in held:
        connection.close()


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def again_and_again(
    once: Callable[[], None], over: threading.Event, in_place: Callable[[], None], pause: float = 0
) -> None:
    while not over.is_set():
        with suppress(OSError, struct.error):
            once()
        in_place()
        over.wait(pause)


def together(count: int, run: Callable[[], None]) -> None:
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stalled(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """50 sockets: a PDU header, then silence."""
    hold(lambda: connect(victim.port, struct.pack(">BBL", 1, 0, 2000)), 50, over, in_place)


def silent(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """300 sockets that say nothing."""
    hold(lambda: connect(victim.port), 300, over, in_place)


def silent_tls(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """80 sockets: half a TLS record, then silence."""
    hold(lambda: connect(victim.port, b"\x16\x03\x01"), 80, over, in_place)


def shaken_tls(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """TLS handshakes without a certificate, one after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def shake() -> None:
        with connect(victim.port) as connection, context.wrap_socket(connection) as secure:
            secure.recv(1)

    again_and_again(shake, over, in_place, pause=0.02)


def stalled_associations(
    victim: Victim, over: threading.Event, in_place: Callable[[], None]
) -> None:
    """50 sockets: an association, the command of a C-STORE, part of a data set, then silence."""

    def open_one() -> socket.socket:
        connection = connect(
            victim.port, associate_rq(called=victim.called, calling=victim.calling)
        )
        if answer(connection)[:1] == b"\x02":
            connection.sendall(
                c_store_rq()[0]
                + fragment(bytes(4000), is_last=False)
                + struct.pack(">BBL", 4, 0, 4000)
            )
        return connection

    hold(open_one, 50, over, in_place)


def burst(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """1,000 connects in a burst, each closed at once; then the next burst."""
    again_and_again(
        lambda: [connect(victim.port).close() for _ in range(1000)] and None, over, in_place
    )


def rejected(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """Association requests of a stranger, as fast as they go, who does not close the connection."""

    def ask() -> socket.socket:
        return connect(victim.port, associate_rq(called=victim.called, calling="STRANGER"))

    kept: list[socket.socket] = []

    def once() -> None:
        kept.append(ask())
        if len(kept) > 100:
            kept.pop(0).close()

    again_and_again(once, over, in_place)


def four_gigabytes(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """PDUs of every kind that announce 4 GiB, with a megabyte of them; before and within an
    association.
    """

    def once() -> None:
        for kind in (1, 2, 4, 5, 7):
            with (
                suppress(OSError),
                connect(victim.port, struct.pack(">BBL", kind, 0, 0xFFFFFFFF)) as liar,
            ):
                liar.sendall(bytes(1 << 20))
        with connect(
            victim.port, associate_rq(called=victim.called, calling=victim.calling)
        ) as liar:
            answer(liar)
            liar.sendall(struct.pack(">BBL", 4, 0, 0xFFFFFFFF))
            for _ in range(64):
                liar.sendall(bytes(1 << 20))

    again_and_again(once, over, in_place, pause=0.05)


def endless(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """8 associations with P-DATA fragments of which none is the last."""
    part = fragment(bytes(MOST_FRAGMENT), is_last=False)

    def once() -> None:
        with connect(
            victim.port, associate_rq(called=victim.called, calling=victim.calling)
        ) as connection:
            if answer(connection)[:1] != b"\x02":
                over.wait(0.2)
                return
            connection.sendall(c_store_rq()[0])
            in_place()
            while not over.is_set():
                connection.sendall(part)

    together(8, lambda: again_and_again(once, over, lambda: None))


def slow_loris(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """50 sockets: a valid association request, one byte a second."""
    request = associate_rq(called=victim.called, calling=victim.calling)
    held: list[tuple[socket.socket, int]] = []
    while not over.is_set():
        going_on = []
        for connection, said in [
            *held,
            *((connect(victim.port), 0) for _ in range(50 - len(held))),
        ]:
            try:
                connection.sendall(request[said : said + 1])
            except OSError:
                connection.close()
            else:
                going_on.append((connection, said + 1))
        held = going_on
        in_place()
        over.wait(1)


def contexts(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """Association requests with 128 presentation contexts of 38 transfer syntaxes each."""
    syntaxes = [*ACCEPTED_TRANSFER_SYNTAXES, *(UID(f"1.2.3.{number}") for number in range(26))]
    request = associate_rq(
        called=victim.called, calling=victim.calling, contexts=[(CT, syntaxes)] * 128
    )

    def once() -> None:
        with connect(victim.port, request) as connection:
            answer(connection)
            connection.sendall(RELEASE_RQ)
            answer(connection)

    again_and_again(once, over, in_place)


def send(
    victim: Victim,
    data_set: bytes,
    *,
    syntax: str = ExplicitVRLittleEndian,
    sop_class_uid: str = CT,
    uid: str = "1.2.3",
) -> str:
    """C-STORE of these bytes; the status as hex, or "rejected", "no context" or "aborted"."""
    request = associate_rq(
        called=victim.called, calling=victim.calling, contexts=[(sop_class_uid, (syntax,))]
    )
    with connect(victim.port, request) as connection:
        accepted = answer(connection)
        if accepted[:1] != b"\x02":
            return "rejected"
        if b"\x21\x00" not in accepted or accepted[accepted.index(b"\x21\x00") + 6] != 0:
            return "no context"
        for part in c_store_rq(data_set, sop_class_uid=sop_class_uid, sop_instance_uid=uid):
            connection.sendall(part)
        response = answer(connection)
        if response[:1] != b"\x04":
            return "aborted"
        status = response.index(struct.pack("<HHL", 0x0000, 0x0900, 2)) + 8
        connection.sendall(RELEASE_RQ)
        answer(connection)
        return f"0x{struct.unpack_from('<H', response, status)[0]:04X}"


def hostile_objects(
    victim: Victim,
    objects: Sequence[tuple[bytes, dict[str, Any]]],
    over: threading.Event,
    in_place: Callable[[], None],
) -> None:
    def once() -> None:
        for data_set, how in objects:
            send(victim, data_set, **how)

    again_and_again(once, over, in_place)


def deflated(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """A Deflated data set of 1 MB that inflates to 1 GB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = encoded(head_slice(0, PixelData=None))
    private = struct.pack("<HH2sHL", 0x7FE1, 0x1010, b"OB", 0, 1 << 30)
    begin = packer.compress(head + private) + packer.flush(zlib.Z_FULL_FLUSH)
    # after a full flush the same bytes inflate anywhere: one megabyte is compressed, not 1,024
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    body = begin + 1024 * megabyte + packer.flush()
    uid = head_slice(0).SOPInstanceUID
    objects = [(body, {"syntax": DeflatedExplicitVRLittleEndian, "uid": uid}), (body, {"uid": uid})]
    hostile_objects(victim, objects, over, in_place)


def uids(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """UIDs with ../, NUL, an absolute path, and 10 kB of digits."""
    objects = []
    for hostile in (
        "../../../../tmp/ich-node-was-here",
        "/tmp/ich-node-was-here",
        "1.2\x003",
        "1" * 10_000,
    ):
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            ds = head_slice(0, rows=16, columns=16)
            mark = "9" * 64
            setattr(ds, keyword, UID(mark))
            stream = encoded(ds)
            at = stream.index(mark.encode())
            value = hostile.encode() + b"\x00" * (len(hostile) % 2)
            stream = stream[: at - 2] + struct.pack("<H", len(value)) + value + stream[at + 64 :]
            objects.append((stream, {"uid": str(head_slice(0).SOPInstanceUID)}))
    hostile_objects(victim, objects, over, in_place)


def nested(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """Sequences nested 10,000 deep, before and behind the UIDs."""
    sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"
    private = b"\x09\x00\x10\x11SQ\x00\x00\xff\xff\xff\xff"
    item_of = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    ds = head_slice(0, PixelData=None)
    objects = [
        (sequence + (item_of + sequence) * 10_000, {}),
        (encoded(ds) + private + (item_of + private) * 10_000, {"uid": str(ds.SOPInstanceUID)}),
    ]
    hostile_objects(victim, objects, over, in_place)


def results(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """A Structured Report and a Secondary Capture, as if our own were routed back; both also under
    the context of CT.
    """
    objects = []
    for sop_class in (COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{ROOT}7.1"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}7.2", f"{ROOT}7.3"
        objects += [
            (encoded(ds), {"sop_class_uid": sop_class, "uid": f"{ROOT}7.1"}),
            (encoded(ds), {"uid": f"{ROOT}7.1"}),
        ]
    hostile_objects(victim, objects, over, in_place)


def broken_messages(victim: Victim, over: threading.Event, in_place: Callable[[], None]) -> None:
    """Empty fragments, commands that do not exist, PDUs of unknown kinds, web requests."""

    def once() -> None:
        for data in (b"", b"\x03" + b"\xff" * 40, b"\x03"):
            with connect(
                victim.port, associate_rq(called=victim.called, calling=victim.calling)
            ) as connection:
                answer(connection)
                connection.sendall(pdu(4, struct.pack(">LB", len(data) + 1, 1) + data))
                answer(connection)
        for malformed in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff" * 100,
            pdu(9, bytes(10)),
            pdu(4, bytes(10)),
        ):
            with connect(victim.port, malformed) as connection:
                connection.recv(1)

    again_and_again(once, over, in_place)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        stalled, silent, stalled_associations, burst, rejected, four_gigabytes, endless,
        slow_loris, contexts, deflated, uids, nested, results, broken_messages,
        silent_tls, shaken_tls,
    )
}  # fmt: skip
TLS_ATTACKS = ("silent_tls", "shaken_tls")


class Attacker:
    """A process that attacks when it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def attacking(self, name: str, victim: Victim) -> Iterator[None]:
        """While the attack is in place."""
        self._tell(f"start {name} {victim.port} {victim.called} {victim.calling}", "in place")
        yield
        assert self._process.poll() is None, f"the attacker ended with {self._process.poll()}"
        self._tell("stop", "over")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _tell(self, line: str, expected: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer == f"{expected}\n", f"{line}: {answer!r}, {self._process.poll()}"


@contextmanager
def attacked_by(name: str, victim: Victim) -> Iterator[None]:
    """While the attack is in place, in a process that ends with it."""
    with closing(Attacker()) as attacker, attacker.attacking(name, victim):
        yield


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _start(line: str) -> tuple[threading.Event, threading.Thread]:
    _, name, port, called, calling = line.split()
    over, in_place = threading.Event(), queue.Queue[None]()
    victim = Victim(port=int(port), called=called, calling=calling)
    attack = threading.Thread(
        target=ATTACKS[name], args=(victim, over, lambda: in_place.put(None)), daemon=True
    )
    attack.start()
    in_place.get()
    return over, attack


def main() -> None:
    running: list[tuple[threading.Event, threading.Thread]] = []
    for line in sys.stdin:
        if line == "stop\n":
            over, attack = running.pop()
            over.set()
            attack.join()
            _say("over")
        else:
            running.append(_start(line))
            _say("in place")


if __name__ == "__main__":
    main()
