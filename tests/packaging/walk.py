"""What is asked of a package, whoever manages it: the steps of a node's years on a machine."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support import REPOSITORY
from tests.support.empty_machine import Machine, MachineError
from tests.support.peers import wait_until

sys.path.append(str(REPOSITORY / "packaging" / "nfpm"))

import packages

CONFIG_FILE = "/etc/ich-node/config.toml"
KEYS = "/etc/ich-node/tls"
STATE = "/var/lib/ich-node"
SERVICES = ("receive", "analyse", "send", "web")
CONFIG = """
# edited by the admin
[scp]
bind_address = "127.0.0.1"
[[sources]]
name = "ct"
ae_title = "CT1"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 10400
"""
PYTHON = "/opt/ich-node/bin/python3"
EVERY_MODULE = """
import importlib, pkgutil
import ich_node, training
for root in (ich_node, training):
    for found in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def said(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


class Walk:
    """The steps, in their order; each leaves the machine as the next expects it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def run(self, *command: str) -> str:
        return str(self.machine.run(*command).stdout)

    def shell(self, script: str, *, check: bool = True) -> str:
        return str(self.machine.run("sh", "-c", script, check=check).stdout)

    def states(self) -> list[str]:
        units = [f"ich-node-{name}" for name in SERVICES]
        return self.machine.run("systemctl", "is-active", *units, check=False).stdout.split()

    def wait_for_services(self) -> None:
        def ready() -> bool:
            return all(
                self.machine.run("ich-node", "ready", name, check=False).returncode == 0
                for name in SERVICES
            )

        wait_until(ready, seconds=300, what="that all services are ready")
        assert self.states() == ["active"] * 4, self.states()

    def check_the_program(self) -> None:
        """What was left out is needed by nothing that the node does."""
        self.run(PYTHON, "-I", "-c", EVERY_MODULE)
        names = re.findall(r"^│ ([a-z][a-z-]+) ", self.run("ich-node", "--help"), re.M)
        assert {"receive", "jobs", "train", "adapt"} <= set(names), names
        for name in names:
            self.run("ich-node", name, "--help")
        for engine in ("openvino", "torch"):
            printed = self.shell(
                f"cd /tmp && ICHNODE__ANALYSIS__ENGINE={engine} HOME=/tmp"
                f" /opt/ich-node/bin/ich-node demo --out /tmp/demo-{engine}"
            )
            assert "result objects after" in printed, printed
        missing = self.shell(
            "find /opt/ich-node -name '*.so*' -type f -exec ldd {} + 2>/dev/null"
            " | sed -n 's/^\\t\\(.*\\) => not found/\\1/p' | sort -u",
            check=False,
        ).split()
        # A library beside its user in the tree is there before it is asked for; the readers of
        # other model formats were left out.
        ours = self.shell("find /opt/ich-node -name '*.so*' -printf '%f\\n'").split()
        system = [name for name in missing if name not in ours and "_frontend.so" not in name]
        assert not system, system
        said(f"{len(names)} commands, every module, the demo by both engines; no library missing")
        assert not self.shell("find /opt/ich-node -newer /var/lib/dpkg/info/ich-node.list -type f")
        said("working leaves nothing in /opt/ich-node")

    def start(self) -> None:
        self.shell(f"cat >>{CONFIG_FILE} <<'END'\n{CONFIG}END\n")
        assert "accepts CT1 (ct) from any host" in self.run("ich-node", "check-config")
        self.run("mkdir", "-p", "/srv/pacs")
        pacs = [PYTHON, "-m", "pynetdicom", "storescp", "10400", "-aet", "PACS"]
        self.run("systemd-run", "--unit=pacs", *pacs, "-od", "/srv/pacs")
        self.run("systemctl", "enable", "--now", "ich-node.target")
        self.wait_for_services()
        said("configured, enabled, started: all four services are ready")

    def read(self, seed: int) -> None:
        """A phantom goes in, its results arrive at the PACS."""
        before = self.received()
        self.run(
            "/opt/ich-node/bin/ich-node", "phantom", "--out", f"/tmp/{seed}", "--seed", str(seed)
        )
        sender = [PYTHON, "-m", "pynetdicom", "storescu", "127.0.0.1", "11112"]
        self.run(*sender, f"/tmp/{seed}", "-r", "-aet", "CT1", "-aec", "ICHNODE")
        wait_until(lambda: self.received() > before, seconds=300, what="results at the PACS")
        said(f"phantom {seed} was sent, read, and its results arrived")

    def received(self) -> int:
        return len(self.run("ls", "/srv/pacs").split())

    def jobs(self) -> int:
        return len(json.loads(self.run("ich-node", "jobs", "list", "--json"))["jobs"])

    def kept(self) -> str:
        """What no upgrade may change."""
        return self.shell(f"cat {CONFIG_FILE}; sha256sum {STATE}/var/search.key")

    def upgrade(self, *command: str) -> None:
        jobs, before = self.jobs(), self.kept()
        started = self.run("systemctl", "show", "-p", "MainPID", "ich-node-receive")
        printed = self.run(*command)
        assert "stops the services" in printed, printed
        assert self.kept() == before
        self.wait_for_services()
        assert self.run("systemctl", "show", "-p", "MainPID", "ich-node-receive") != started
        assert self.jobs() == jobs > 0
        said(f"upgraded: the services run the new files; {jobs} jobs, config.toml, key as before")

    def upgrade_stopped(self, *command: str) -> None:
        """An admin stopped a service: it stays stopped."""
        self.run("systemctl", "stop", "ich-node-web")
        self.run(*command)
        states = dict(zip(SERVICES, self.states(), strict=True))
        active = dict.fromkeys(SERVICES, "active")
        assert states == {**active, "web": "inactive"}, states
        self.run("systemctl", "start", "ich-node-web")
        self.wait_for_services()
        said("a version back, with the site stopped: it stayed stopped, the others ran")

    def must_have_rights(self) -> None:
        rights = self.run("stat", "-c", "%a %U:%G %n", CONFIG_FILE, KEYS, STATE).splitlines()
        assert rights == [
            f"640 root:ich-node {CONFIG_FILE}",
            f"750 root:ich-node {KEYS}",
            f"700 ich-node:ich-node {STATE}",
        ], rights


def newer_of(package: Path, wheel: Path, kind: packages.Distribution) -> Path:
    """The same files as version 99.0."""
    folder = REPOSITORY / ".packages" / f"newer-{kind.packager}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if kind.packager == "rpm":
        higher = folder / "ich_node-99.0-py3-none-any.whl"
        higher.symlink_to(wheel)
        return packages.pack(higher, folder.parent / "tree", kind, folder)
    # Only the small member of the archive is made anew; nfpm needs minutes for the files.
    made = folder / "ich-node_99.0_amd64.deb"
    shutil.copy(package, made)
    script = f"""set -e
        ar p {made} control.tar.gz | tar xz
        sed -i 's/^Version: .*/Version: 99.0/' control
        tar cz --owner root --group root ./control ./md5sums ./conffiles ./p* >control.tar.gz
        ar r {made} control.tar.gz"""
    (folder / "control").mkdir()
    subprocess.run(["sh", "-c", script], cwd=folder / "control", check=True)
    return made


def told(packager: str, with_packages: list[str], story: Callable[[Walk, str, str], None]) -> None:
    """Tell the story with the package that `make packages` made, and with one of the same files
    and a higher version.
    """
    wheel = Path(sys.argv[1]).absolute()
    [kind] = [each for each in packages.DISTRIBUTIONS if each.packager == packager]
    version = packages.version_of(wheel)
    package = wheel.parent / kind.file.format(version=version, release=kind.release)
    newer = newer_of(package, wheel, kind)
    machine = Machine(f"packages-{packager}")
    machine.remove()
    machine.boot(with_packages, [f"{package.parent}:/packages", f"{newer.parent}:/newer"])
    try:
        story(Walk(machine), f"/packages/{package.name}", f"/newer/{newer.name}")
    except (AssertionError, MachineError) as error:
        sys.exit(f"WRONG: {error}\nlook at it: empty_machine shell {machine.name}")
    machine.remove()
    shutil.rmtree(newer.parent)
