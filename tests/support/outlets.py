"""Readings whose notification is owed, and stand-ins for destinations: an MLLP receiver on a
socket, an HTTP(S) server.
"""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian

from ich_node.config.destinations import Destination, Hl7Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.loop import Sender
from ich_node.ledger import Delivery, DeliveryState, Instance, Job, Ledger, Result, open_ledger
from ich_node.network.requestor import TLS_OFF
from ich_node.notification import KIND, Answer, Identifiers, Notification, RefusedReading
from ich_node.spool import Spool
from tests.support.results import ROOT
from tests.support.standing_clock import START, Clock

MINUTE = timedelta(minutes=1)
WHO = Identifiers(
    patient_id="MRN-4711-X",
    issuer_of_patient_id="HOSP",
    patient_name="Nobodysname^Zuzana^^Dr^Jr",
    patient_birth_date="19430607",
    patient_sex="F",
    accession_number="ACC-0815",
    placer_order_number="PLACER-77",
    study_date="20251231",
    study_time="235900",
)
SECRETS = ("MRN-4711", "Nobodysname", "Zuzana", "19430607", "ACC-0815", "PLACER-77", "20251231")


def notification(
    series: int = 1, *, revision: int = 1, positive: bool | None = True, replaces: str | None = None
) -> Notification:
    """positive: None = the series was refused."""
    finding = {True: Answer.SUSPECTED, False: Answer.NOT_FOUND, None: Answer.NOT_ANALYSED}[positive]
    read = {
        "series_probability": 0.97 if positive else 0.02,
        "threshold": 0.5,
        "lesions": 2 if positive else 0,
    }
    return Notification(
        uid=f"{ROOT}{series}.9{revision}.{finding is Answer.SUSPECTED:d}",
        replaces=replaces or None,
        study_instance_uid=f"{ROOT}{series}",
        series_instance_uid=f"{ROOT}{series}.0",
        revision=revision,
        at=START,
        finding=finding,
        refused=RefusedReading(reason="bone_kernel", detail="the kernel is 'H60s'")
        if positive is None
        else None,
        slices=36,
        positive_slices=4 if positive else 0,
        report_uid=f"{ROOT}{series}.1",
        bundle_name="phantom-demonstration",
        bundle_sha256="ab" * 32,
        software_version="0.1.0",
        identifiers=WHO,
        **(read if positive is not None else dict.fromkeys(read)),
    )


@dataclass
class Bench:
    """A ledger and a spool, filled as the analyser fills them."""

    ledger: Ledger
    spool: Spool
    clock: Clock = field(default_factory=Clock)
    stop: threading.Event = field(default_factory=threading.Event)

    def sender(
        self, *destinations: Destination, owner: str = "sender", tls: TlsSettings = TLS_OFF
    ) -> Sender:
        return Sender(
            ledger=self.ledger.delivery,
            spool=self.spool,
            destinations=destinations,
            ae_title="ICHNODE",
            clock=self.clock,
            owner=owner,
            stop=self.stop,
            tls=tls,
        )

    def claimed(self, series: int = 1) -> Job:
        """Another object of the series arrives: its next revision."""
        number = (
            sum(
                job.series_instance_uid == f"{ROOT}{series}.0"
                for job in self.ledger.operator.list(limit=1000)
            )
            + 1
        )
        instance = Instance(
            sop_instance_uid=f"{ROOT}{series}.0.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_instance_uid=f"{ROOT}{series}",
            series_instance_uid=f"{ROOT}{series}.0",
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
            sha256=f"{series}.{number}",
            path=f"objects/00/{'0' * 64}.dcm",  # never read
            size_bytes=1,
            source="ct",
            received_at=self.clock.now,
        )
        self.ledger.receiving.add(instance, ready_at=self.clock.now, max_wait=MINUTE)
        job = self.ledger.reading.claim(
            owner="reader", now=self.clock.now, lease=MINUTE, max_attempts=3
        )
        assert job is not None
        return job

    def finish(
        self, *to: str, series: int = 1, positive: bool | None = True, replaces: str = ""
    ) -> Notification:
        """A series was read (positive=None: refused), and these destinations get a notification."""
        job = self.claimed(series)
        made = notification(series, revision=job.revision, positive=positive, replaces=replaces)
        results, now = [self.keep(made)], self.clock.now
        if positive is None:
            self.ledger.reading.refuse(
                job,
                now=now,
                reason="bone_kernel",
                detail="the kernel is 'H60s'",
                results=results,
                notify=to,
            )
        else:
            self.ledger.reading.finish(
                job,
                now=now,
                positive=positive,
                series_probability=0.97,
                bundle_sha256="b",
                results=results,
                destinations=(),
                notify=to,
            )
        return made

    def keep(self, made: Notification) -> Result:
        stored = self.spool.put(made.encode(), suffix=".json")
        return Result(
            sop_instance_uid=made.uid,
            sop_class_uid="",
            kind=KIND,
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
        )

    def deliveries(self) -> list[Delivery]:
        return [
            delivery
            for job in self.ledger.operator.list(limit=1000)
            for delivery in self.ledger.operator.deliveries(job.id)
        ]

    def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]

    def detail(self) -> str:
        """Why the only delivery waits."""
        (delivery,) = self.deliveries()
        return str(delivery.detail)


@contextmanager
def opened_bench(folder: Path) -> Iterator[Bench]:
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    yield Bench(ledger, Spool(folder / "spool"))
    ledger.dispose()


# --- MLLP


def acknowledged(
    message: str, code: str = "AA", text: str = "", *, control_id: str | None = None
) -> str:
    """An acknowledgement as a simple receiver writes it: another version and order of fields."""
    answered = control_id or message.split("|")[9]
    return f"MSH|^~\\&|RIS|HOSP|||20260101||ACK^R01|1|P|2.3\rMSA|{code}|{answered}|{text}\r"


@dataclass
class MllpReceiver:
    """Keeps the messages. answer: to a message, in a frame; None = no answer; bytes are sent
    unchanged.
    """

    port: int = 0
    received: list[str] = field(default_factory=list)
    answer: Callable[[str], str | bytes | None] = acknowledged

    def serve(self, connection: socket.socket) -> None:
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
            while b"\x1c\r" in received:
                frame, _, received = received.partition(b"\x1c\r")
                assert frame.startswith(b"\x0b")
                self.received.append(frame[1:].decode())
                answer = self.answer(self.received[-1])
                if isinstance(answer, str):
                    connection.sendall(b"\x0b" + answer.encode() + b"\x1c\r")
                elif answer is not None:
                    connection.sendall(answer)
                    return


@contextmanager
def mllp_receiver(*, context: ssl.SSLContext | None = None) -> Iterator[MllpReceiver]:
    receiver = MllpReceiver()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with (
                    context.wrap_socket(self.request, server_side=True)
                    if context
                    else self.request as connection
                ):
                    receiver.serve(connection)
            except OSError:
                return  # the caller went away, or does not trust us: what the tests are about

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def hl7(port: int, **settings: Any) -> Hl7Destination:
    return Hl7Destination(
        **{
            "name": "ris",
            "kind": "hl7",
            "host": "127.0.0.1",
            "port": port,
            "timeout_seconds": 5,
            **settings,
        }
    )


# --- HTTP


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebReceiver:
    """Keeps the requests. answer: status, headers and body."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], tuple[int, dict[str, str], bytes]] = lambda _: (204, {}, b"")


@contextmanager
def web_receiver(*, context: ssl.SSLContext | None = None) -> Iterator[WebReceiver]:
    receiver = WebReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )
            receiver.requests.append(request)
            status, headers, content = receiver.answer(request)
            self.send_response(status)
            for name, value in ({"content-length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """A test does not chatter."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a caller that does not trust us
    receiver.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def without_secrets(*texts: str) -> bool:
    return not [secret for secret in SECRETS for text in texts if secret in text]


def changed(notification: Notification, **changes: Any) -> Notification:
    return replace(notification, **changes)
