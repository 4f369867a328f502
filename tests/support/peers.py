"""Real peers for tests: DCMTK and Orthanc as processes, pynetdicom as a PACS stand-in; each on a
free port of 127.0.0.1.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from ich_node.network.requestor import Requestor

Result = TypeVar("Result")
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
# Debian's; a virtual environment may shadow them with pynetdicom's apps of the same names.
TOOL_FOLDERS = "/usr/bin:/usr/sbin:/usr/local/bin:/opt/homebrew/bin"

# The beginning of a config.toml: one modality sends, one PACS receives.
ONE_OF_EACH = """
[scp]
bind_address = "127.0.0.1"
port = {port}
[[sources]]
name = "modality"
ae_title = "CT1"
[[destinations]]
name = "pacs"
ae_title = "{pacs_ae}"
host = "127.0.0.1"
port = {pacs_port}
"""


def need(tool: str) -> str:
    """The path of a real peer's program; without it the test is skipped, and in CI it fails."""
    found = shutil.which(tool, path=TOOL_FOLDERS)
    if found is None:
        message = f"{tool} is not installed (make peers)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], Any], *, seconds: float = 20, what: str = "it") -> None:
    """Poll until the condition holds; a failure says what never did."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


def by_deadline(run: Callable[[], Result], *, seconds: float = 10) -> Result:
    """The result of run(). Raises TimeoutError if it has not ended by then."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(timeout=seconds)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: Sequence[str], *, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on the port; killed, it alone, at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_until(
            lambda: is_listening(port) or process.poll() is not None,
            seconds=60,
            what=f"{command[0]} listening",
        )
        assert process.poll() is None, log.read_text(errors="replace")
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def storescp(folder: Path, *, ae_title: str = "PACS", options: Sequence[str] = ()) -> Iterator[int]:
    """DCMTK's storescp, which writes what it gets to the folder; yields its port."""
    tool, port = need("storescp"), free_port()
    folder.mkdir(exist_ok=True)
    command = [tool, "--output-directory", str(folder), "--aetitle", ae_title, *options, str(port)]
    with running(command, port=port, log=folder.with_suffix(".log")):
        yield port


@dataclass(frozen=True, kw_only=True)
class OrthancPeer:
    """dicom_port takes C-STORE; url answers REST."""

    dicom_port: int
    url: str


@contextmanager
def orthanc(folder: Path, *, ae_title: str = "ORTHANC", **settings: Any) -> Iterator[OrthancPeer]:
    """A real Orthanc with an empty store in the folder."""
    tool, dicom_port, http_port = need("Orthanc"), free_port(), free_port()
    folder.mkdir(exist_ok=True)
    plugins = [str(path) for path in (Path("/usr/share/orthanc/plugins"),) if path.is_dir()]
    configuration = {
        "StorageDirectory": str(folder / "db"),
        "DicomAet": ae_title,
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": plugins,
        **settings,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with running([tool, str(path)], port=http_port, log=folder / "orthanc.log"):
        wait_until(lambda: is_listening(dicom_port), what="Orthanc's DICOM port")
        yield OrthancPeer(dicom_port=dicom_port, url=f"http://127.0.0.1:{http_port}")


@dataclass
class Pacs:
    """A PACS stand-in that keeps what it gets, and answers as it is told. comment: to each object
    that it does not answer with Success.
    """

    port: int = 0
    received: list[Dataset] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    comment: str = ""
    associations: int = 0
    abort_after: int | None = None  # so many objects
    on_store: Callable[[Dataset], None] = lambda _: None

    def store(self, event: Event) -> int | Dataset:
        if self.abort_after == len(self.received):
            event.assoc.abort()
            return 0x0110
        ds = event.dataset
        ds.file_meta = event.file_meta
        self.on_store(ds)
        status = self.answers.get(ds.SOPInstanceUID, 0x0000)
        if status == 0x0000 or status >> 12 == 0xB:
            self.received.append(ds)
        if status == 0x0000 or not self.comment:
            return status
        answer = Dataset()
        answer.Status, answer.ErrorComment = status, self.comment
        return answer

    def opened(self, _: Event) -> None:
        self.associations += 1


def close_in_the_end(event: Event) -> None:
    """pynetdicom leaves a socket open whose peer went first; under our filter of warnings that
    would fail a test.
    """
    transport = event.assoc.dul.socket
    connection, shut = transport.socket, transport._shutdown_socket

    def shut_and_close() -> None:
        shut()
        connection.close()

    transport._shutdown_socket = shut_and_close


@contextmanager
def pacs(
    *,
    ae_title: str = "PACS",
    port: int = 0,
    sop_classes: Sequence[str] = (
        SECONDARY_CAPTURE,
        COMPREHENSIVE_3D_SR,
        PRESENTATION_STATE,
        KEY_OBJECTS,
        CT,
    ),
    calling_ae_titles: Sequence[str] = (),
    verification: bool = True,
) -> Iterator[Pacs]:
    """pynetdicom as the PACS; called and calling AE titles are checked."""
    entity = AE(ae_title)
    entity.require_called_aet = True
    entity.require_calling_aet = list(calling_ae_titles)
    for sop_class in (*sop_classes, *([VERIFICATION] if verification else [])):
        entity.add_supported_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    stand_in = Pacs()
    handlers = [
        (evt.EVT_CONN_OPEN, close_in_the_end),
        (evt.EVT_C_STORE, stand_in.store),
        (evt.EVT_ESTABLISHED, stand_in.opened),
    ]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    stand_in.port = server.server_address[1]
    try:
        yield stand_in
    finally:
        shut_down(entity)


def shut_down(entity: AE) -> None:
    """End a listening peer. Associations that are ending by themselves (rejected, released) are
    waited for: pynetdicom's `shutdown` would abort them in a state that knows no abort.
    """
    for server in entity._servers:
        for association in server.active_associations:
            if not association.is_established:
                association.join(10)
    entity.shutdown()


@contextmanager
def associated(
    port: int,
    *,
    calling_ae: str = "CT1",
    called_ae: str = "ICHNODE",
    contexts: Sequence[tuple[str, Sequence[str]]] = (
        (VERIFICATION, (ImplicitVRLittleEndian,)),
        (CT, (ExplicitVRLittleEndian,)),
    ),
) -> Iterator[Association]:
    """An association with what listens on the port, established or not; released at the end."""
    entity = Requestor(calling_ae)  # upstream's may drop an answer that comes fast
    for sop_class, syntaxes in contexts:
        entity.add_requested_context(sop_class, [UID(syntax) for syntax in syntaxes])
    association = entity.associate("127.0.0.1", port, ae_title=called_ae)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
