"""The attacks of attacks.py against ich-node, DCMTK's storescp and Orthanc side by side: the table
of docs/reliability.md.

    .venv/bin/python -m tests.load.attack_peers [ATTACK ...]   # all of them; needs `make peers`

Each is started anew for each attack, with its own defaults for limits and deadlines. While it is
attacked, a legitimate peer does a C-ECHO and a C-STORE, a second apart. Good means: both succeeded
within two seconds. After three that did not, it is over.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import AE

from tests.support.attacks import ATTACKS, TLS_ATTACKS, Victim, attacked_by
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT
from tests.support.peers import VERIFICATION, free_port, need, running, wait_until
from tests.support.proc import footprint

ROUNDS = 6
MOST_FAILURES = 3
LIMIT_SECONDS = 2.0
FOREVER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """good: rounds within the limit; slowest_s: of the rounds that ended; peak_mb: resident, at
    most; is_alive: afterwards.
    """

    good: int
    slowest_s: float
    peak_mb: int
    is_alive: bool

    def __str__(self) -> str:
        crash = "" if self.is_alive else ", **dead**"
        return f"{self.good}/{ROUNDS}, {self.slowest_s:.1f} s, {self.peak_mb} MB{crash}"


@contextmanager
def ich_node(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port, config = free_port(), folder / "config.toml"
    config.write_text(
        f'[scp]\nbind_address = "127.0.0.1"\nport = {port}\n[database]\nurl = "sqlite:///{folder}/ledger.sqlite"\n'
        f'[spool]\npath = "{folder}/spool"\n'
        '[[sources]]\nname = "attacker"\nae_title = "CT1"\nmax_associations = 10\n'
        '[[sources]]\nname = "ct"\nae_title = "CT2"\n'
    )
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=folder / "log") as process:
        yield process, port


@contextmanager
def storescp(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """By default it serves one association at a time; --fork gives each a process."""
    port = free_port()
    command = [
        need("storescp"),
        "--fork",
        "--output-directory",
        str(folder),
        "--aetitle",
        "ICHNODE",
        str(port),
    ]
    with running(command, port=port, log=folder / "log") as process:
        yield process, port


@contextmanager
def orthanc(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port, http_port, config = free_port(), free_port(), folder / "orthanc.json"
    settings = {
        "StorageDirectory": str(folder / "db"),
        "DicomAet": "ICHNODE",
        "DicomPort": port,
        "HttpPort": http_port,
    }
    config.write_text(json.dumps(settings))
    with running([need("Orthanc"), str(config)], port=port, log=folder / "log") as process:
        yield process, port


PEERS: dict[str, Callable[[Path], contextmanager]] = {
    "ich-node": ich_node,
    "storescp": storescp,
    "Orthanc": orthanc,
}  # type: ignore[type-arg]


def versions() -> str:
    found = []
    for tool in ("storescp", "Orthanc"):
        said = subprocess.run(
            [need(tool), "--version"], capture_output=True, text=True, check=False
        ).stdout
        found.append(said.splitlines()[0].strip("$ "))
    return ", ".join(found)


def business(port: int) -> float:
    """The seconds of a C-ECHO and a C-STORE; those of eternity if one of them fails."""
    began = time.monotonic()
    for contexts in (((VERIFICATION, (ImplicitVRLittleEndian,)),), EXPLICIT):
        entity = AE("CT2")
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = FOREVER_SECONDS / 2
        for sop_class, syntaxes in contexts:
            entity.add_requested_context(sop_class, [UID(syntax) for syntax in syntaxes])
        association = entity.associate("127.0.0.1", port, ae_title="ICHNODE")
        if not association.is_established:
            return max(FOREVER_SECONDS, time.monotonic() - began)
        answer = (
            association.send_c_echo()
            if contexts is not EXPLICIT
            else association.send_c_store(head_slice(0))
        )
        association.release()
        if answer.get("Status") != 0x0000:
            return max(FOREVER_SECONDS, time.monotonic() - began)
    return time.monotonic() - began


def tree_peak_mb(pid: int) -> int:
    """The process and those that it forked."""
    with suppress(OSError):
        forked = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return footprint(pid).peak_mb + sum(tree_peak_mb(int(child)) for child in forked)
    return 0


def outcome(peer: str, attack: str) -> Outcome:
    with tempfile.TemporaryDirectory() as folder, PEERS[peer](Path(folder)) as (process, port):
        wait_until(lambda: business(port) < FOREVER_SECONDS, what=f"{peer} answering")
        took: list[float] = []
        peaks = [tree_peak_mb(process.pid)]
        with suppress(AssertionError), attacked_by(attack, Victim(port=port)):
            while (
                len(took) < ROUNDS
                and sum(seconds >= LIMIT_SECONDS for seconds in took) < MOST_FAILURES
            ):
                took.append(business(port))
                peaks.append(tree_peak_mb(process.pid))
                time.sleep(max(0.0, 1 - took[-1]))
        good = sum(seconds < LIMIT_SECONDS for seconds in took)
        return Outcome(
            good=good,
            slowest_s=max(took, default=0),
            peak_mb=max(peaks),
            is_alive=process.poll() is None,
        )


def main(wanted: Sequence[str]) -> None:
    sys.stdout.write(
        f"{versions()}\n\n| attack | {' | '.join(PEERS)} |\n|---|{'---|' * len(PEERS)}\n"
    )
    for attack in wanted or [name for name in ATTACKS if name not in TLS_ATTACKS]:
        cells = [str(outcome(peer, attack)) for peer in PEERS]
        sys.stdout.write(
            f"| {(ATTACKS[attack].__doc__ or attack).strip()} | {' | '.join(cells)} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
