"""Several receivers on one port: real processes, real senders."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.config.settings import ScpSettings, Source
from ich_node.ledger import Ledger, open_ledger
from ich_node.network.acceptor.sharing import shares
from ich_node.processes.systemd import ALIVE, tell_systemd
from tests.support.certificates import authority
from tests.support.heads import head_series, head_slice
from tests.support.peers import CT, associated, free_port, need, wait_until
from tests.support.proc import child_pids

EXPLICIT = ((CT, (ExplicitVRLittleEndian,)),)
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
processes = 2
[[sources]]
name = "modality"
ae_title = "CT1"
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[series]
quiet_seconds = 1
grace_seconds = 1
"""


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """`ich-node receive` with two processes. said: what systemd was told."""

    process: "subprocess.Popen[bytes]"
    port: int
    folder: Path
    manager: socket.socket

    def events(self, name: str) -> list[dict[str, object]]:
        lines = [
            json.loads(line)
            for line in (self.folder / "log").read_text().splitlines()
            if line.startswith("{")
        ]
        return [line for line in lines if line["event"] == name]

    def ledger(self) -> Ledger:
        return open_ledger(f"sqlite:///{self.folder}/ledger.sqlite")


@contextmanager
def receivers(folder: Path, more: str = "") -> Iterator[Receivers]:
    port, config = free_port(), folder / "config.toml"
    config.write_text(CONFIG.format(port=port, folder=folder) + more)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(60)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ich_node", "--config", str(config), "receive"],
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            )
        try:
            while manager.recv(100) != b"READY=1":
                pass
            yield Receivers(process=process, port=port, folder=folder, manager=manager)
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_ready_means_that_all_of_them_listen(tmp_path: Path) -> None:
    """And SIGTERM ends all of them."""
    with receivers(tmp_path) as node:
        assert len(node.events("listening")) == 2
        pids = child_pids(node.process.pid)
        assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_every_object_of_many_senders_is_kept_once(tmp_path: Path) -> None:
    """Eight storescu at once, two of them with the same series: the ledger joins them."""
    storescu = need("storescu")
    with receivers(tmp_path) as node:
        senders = []
        for number in range(8):
            (folder := tmp_path / f"from{number}").mkdir()
            for index, ds in enumerate(head_series(12)):
                if number > 1:
                    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
                        setattr(ds, keyword, f"{ds[keyword].value}.{number}")
                ds.save_as(folder / f"{index}.dcm", enforce_file_format=True)
            command = [
                storescu,
                "-aet",
                "CT1",
                "-aec",
                "ICHNODE",
                "127.0.0.1",
                str(node.port),
                "+sd",
                str(folder),
            ]
            senders.append(subprocess.Popen(command))
        assert [sender.wait(60) for sender in senders] == [0] * 8
        ledger = node.ledger()
        jobs = ledger.operator.list()
        assert len({job.series_instance_uid for job in jobs}) == 7
        assert sorted(len(ledger.operator.instances(job)) for job in jobs) == [12] * 7
        ledger.dispose()


def test_who_has_least_to_do_goes_first(tmp_path: Path) -> None:
    """Of six associations each process has three."""

    def open_sockets() -> list[int]:
        return [
            sum(
                os.readlink(link).startswith("socket:")
                for link in Path(f"/proc/{pid}/fd").iterdir()
            )
            for pid in child_pids(node.process.pid)
        ]

    with receivers(tmp_path) as node, ExitStack() as associations:
        before = open_sockets()
        for _ in range(6):
            associations.enter_context(associated(node.port, contexts=EXPLICIT))
        more = [now - then for now, then in zip(open_sockets(), before, strict=True)]
        assert more[0] == more[1] > 0


def test_a_receiver_that_died_is_replaced(tmp_path: Path) -> None:
    """The others go on meanwhile; what it had acknowledged is there."""
    with receivers(tmp_path) as node:
        with associated(node.port, contexts=EXPLICIT) as assoc:
            assert assoc.send_c_store(head_slice(0)).Status == 0x0000
            before = child_pids(node.process.pid)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(node.events("listening")) == 4, seconds=60, what="the replacement")
        assert not set(before) & set(child_pids(node.process.pid))
        with associated(node.port, contexts=EXPLICIT) as assoc:
            assert assoc.send_c_store(head_slice(1)).Status == 0x0000
        ledger = node.ledger()
        assert len(ledger.operator.instances(ledger.operator.list()[0])) == 2
        ledger.dispose()


def test_sighup_reaches_all_of_them(tmp_path: Path) -> None:
    """They share the port with TLS, too, and take its new certificate."""
    issued = authority(tmp_path / "ca").issue("/CN=ich-node")
    tls = f"""
[tls]
port = {free_port()}
certificate = "{issued.certificate}"
key = "{issued.key}"
ca = "{tmp_path / "ca" / "ca.pem"}"
"""
    with receivers(tmp_path, tls) as node:
        assert len(node.events("listening")) == 4
        node.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: len(node.events("certificates_reloaded")) == 2, seconds=30, what="the reload"
        )


def test_they_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 leaves nobody on the port."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=free_port(), folder=tmp_path))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "--config", str(config), "receive"], stderr=log
        )
    wait_until(
        lambda: (tmp_path / "log").read_bytes().count(b'"listening"') == 2,
        seconds=60,
        what="listening",
    )
    pids = child_pids(process.pid)
    process.kill()
    process.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), seconds=30, what="their end"
    )


def test_a_connection_waits_while_all_of_them_are_replaced(tmp_path: Path) -> None:
    """The port is their parent's."""
    with receivers(tmp_path) as node:
        for pid in child_pids(node.process.pid):
            os.kill(pid, signal.SIGKILL)
        with associated(node.port, contexts=EXPLICIT) as assoc:
            assert assoc.send_c_store(head_slice(0)).Status == 0x0000


def test_a_port_that_others_have_is_not_shared_with_them(tmp_path: Path) -> None:
    """The second says so, and ends."""
    with receivers(tmp_path) as node:
        second = subprocess.run(
            [
                sys.executable,
                "-m",
                "ich_node",
                "--config",
                str(tmp_path / "config.toml"),
                "receive",
            ],
            capture_output=True,
            timeout=60,
        )
        assert second.returncode == 2
        assert f"cannot listen on 127.0.0.1:{node.port}" in second.stderr.decode()


def test_nobody_listening_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that does not read what it is told is told no more; the service goes on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        for _ in range(1_000):
            tell_systemd(ALIVE)


def test_each_takes_its_share_of_the_limits() -> None:
    """Rounded up, and no less than the largest object needs."""
    scp = ScpSettings(processes=4, max_associations=25)
    own, sources = shares(
        scp,
        [
            Source(name="ct", ae_title="CT1", max_associations=1),
            Source(name="pacs", ae_title="PACS"),
        ],
    )
    assert (own.max_associations, own.max_bytes_in_flight) == (7, 134_217_728)
    assert [(source.max_associations, source.associations_per_minute) for source in sources] == [
        (1, 300),
        (None, 300),
    ]
    assert shares(ScpSettings(), sources) == (ScpSettings(), tuple(sources))
