"""While a hostile peer attacks, each echo and store of a legitimate peer succeeds.

The node is the real command in a process of its own, and so is the attacker (attacks.py).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import echo
from tests.support.attacks import ATTACKS, TLS_ATTACKS, Attacker, Victim
from tests.support.certificates import authority
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT
from tests.support.peers import (
    VERIFICATION,
    associated,
    by_deadline,
    free_port,
    need,
    running,
    wait_until,
)
from tests.support.proc import Footprint, footprint, forget_peak

pytestmark = pytest.mark.alone

ROUNDS = 5
DEADLINE_SECONDS = 10.0  # no peer waits longer for an association or a response
MOST_MEMORY_MB = 220
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
acse_timeout_seconds = 4
dimse_timeout_seconds = 4
idle_timeout_seconds = 4
[tls]
port = {tls_port}
certificate = "{certificate}"
key = "{key}"
ca = "{ca}"
[[sources]]
name = "attacker"
ae_title = "CT1"
max_associations = 10
[[sources]]
name = "ct"
ae_title = "CT2"
hosts = ["127.0.0.0/8"]
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """`ich-node receive`."""

    pid: int
    port: int
    tls_port: int
    log: Path
    tls: TlsSettings

    def at_rest(self) -> Footprint:
        return footprint(self.pid)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("attacked")
    ours = authority(folder / "ca")
    own, ct2 = ours.issue("/CN=node", name="node"), ours.issue("/CN=ct2", name="ct2")
    port, tls_port, config = free_port(), free_port(), folder / "config.toml"
    files = {"certificate": own.certificate, "key": own.key, "ca": ours.ca}
    config.write_text(CONFIG.format(port=port, tls_port=tls_port, folder=folder, **files))
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=folder / "log") as process:
        tls = TlsSettings(certificate=ct2.certificate, key=ct2.key, ca=ours.ca)
        made = Receiver(pid=process.pid, port=port, tls_port=tls_port, log=folder / "log", tls=tls)
        business(made)
        yield made
        assert process.poll() is None, "the receiver died"


@pytest.fixture(scope="module")
def attacker() -> Iterator[Attacker]:
    with closing(Attacker()) as process:
        yield process


def business(node: Receiver) -> float:
    """The seconds of a C-ECHO and a C-STORE of a legitimate peer, each on an association of its
    own; both succeed.
    """
    began = time.monotonic()
    with associated(
        node.port, calling_ae="CT2", contexts=((VERIFICATION, (ImplicitVRLittleEndian,)),)
    ) as assoc:
        assert assoc.is_established, "a legitimate peer gets no association"
        assert assoc.send_c_echo().Status == 0x0000
    with associated(node.port, calling_ae="CT2", contexts=EXPLICIT) as assoc:
        assert assoc.is_established, "a legitimate peer gets no association"
        assert assoc.send_c_store(head_slice(0)).Status == 0x0000
    return time.monotonic() - began


def business_over_tls(node: Receiver) -> float:
    """The seconds of a C-ECHO over TLS, and what `business` takes."""
    began = time.monotonic()
    peer = DicomDestination(
        name="node", ae_title="ICHNODE", host="127.0.0.1", port=node.tls_port, tls=True
    )
    result = echo(peer, "CT2", node.tls)
    assert result.ok, result.words
    return time.monotonic() - began + business(node)


@pytest.mark.parametrize("attack", ATTACKS)
def test_business_goes_on_under(receiver: Receiver, attacker: Attacker, attack: str) -> None:
    """Each echo and store succeeds by a deadline; memory stays; descriptors and threads are given
    back; nothing crashes.
    """
    is_tls = attack in TLS_ATTACKS
    once: Callable[[Receiver], float] = business_over_tls if is_tls else business
    wait_until(lambda: receiver.at_rest().threads < 10, what="the end of what was before")
    before, logged = receiver.at_rest(), receiver.log.stat().st_size
    quiet = [once(receiver) for _ in range(3)]
    forget_peak(receiver.pid)
    victim = Victim(port=receiver.tls_port if is_tls else receiver.port)
    with attacker.attacking(attack, victim):
        took = [
            by_deadline(lambda: once(receiver), seconds=DEADLINE_SECONDS) for _ in range(ROUNDS)
        ]
    peak_mb = receiver.at_rest().peak_mb

    def is_given_back() -> bool:
        now = receiver.at_rest()
        return now.descriptors <= before.descriptors + 2 and now.threads <= before.threads

    wait_until(
        is_given_back,
        seconds=30,
        what=f"the end of all threads and descriptors ({before} before, {receiver.at_rest()})",
    )
    assert peak_mb < MOST_MEMORY_MB
    with receiver.log.open("rb") as log:
        log.seek(logged)
        said = log.read().decode()
    assert "Traceback" not in said
    assert not [line for line in said.splitlines() if "exception" in json.loads(line)]
    sys.stdout.write(
        f"{attack}: quiet {max(quiet):.2f} s, attacked {max(took):.2f} s, peak {peak_mb} MB\n"
    )


def test_dcmtk_is_served_under_attack(receiver: Receiver, attacker: Attacker) -> None:
    """The same, asked by DCMTK's echoscu in the middle of the worst of them."""
    command = [need("echoscu"), "-aet", "CT2", "-aec", "ICHNODE", "127.0.0.1", str(receiver.port)]
    with (
        attacker.attacking("stalled_associations", Victim(port=receiver.port)),
        attacker.attacking("burst", Victim(port=receiver.port)),
    ):
        for _ in range(ROUNDS):
            assert (
                subprocess.run(
                    command, capture_output=True, timeout=DEADLINE_SECONDS, check=False
                ).returncode
                == 0
            )


def test_no_file_leaves_the_spool(receiver: Receiver) -> None:
    """UIDs like paths wrote nothing, and nothing half written is left after the attackers."""
    assert not Path("/tmp/ich-node-was-here").exists()
    incoming = receiver.log.parent / "spool" / "incoming"
    wait_until(lambda: not list(incoming.iterdir()), what="the removal of incomplete objects")
