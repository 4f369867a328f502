"""An empty Debian 12 with its own systemd, journal, users and network, to install the product in.

    python -m tests.support.empty_machine boot walk --with python3-venv --bind /opt/wheels
    python -m tests.support.empty_machine run walk -- ip -brief address
    python -m tests.support.empty_machine stop walk
    python -m tests.support.empty_machine remove walk

The base comes from Debian's archive once (debootstrap, about a minute). Machines are overlays on
it, booted by systemd-nspawn; they see loopback and nothing else. Needs root, debootstrap and
systemd-nspawn (`make machine` installs both).
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import REPOSITORY

FOLDER = Path(os.environ.get("ICH_NODE_MACHINES", REPOSITORY / ".machine"))
MIRROR = os.environ.get("ICH_NODE_DEBIAN_MIRROR", "http://deb.debian.org/debian")
# What Debian's installer puts on a server that has no task selected, as far as anything uses it.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "ca-certificates", "adduser", "iproute2", "procps")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
PLAIN = {**ENVIRONMENT, "DEBIAN_FRONTEND": "noninteractive"}
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}


class MachineError(Exception):
    """The machine cannot be made or used; the message says why and what to do."""


def base(packages: Sequence[str] = ()) -> Path:
    """The root folder of an empty Debian 12 with these packages; made if it is not there yet."""
    whole = FOLDER / "base" / "+".join(["debian-12", *sorted(packages)])
    if whole.is_dir():
        return whole
    check_tools()
    unfinished = whole.with_name(f"{whole.name}.unfinished-{os.getpid()}")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    log = FOLDER / "base" / f"{whole.name}.log"
    try:
        with log.open("wb") as out:
            if packages:
                # hard links would be changed by dpkg; 300 MB are copied
                called(["cp", "-a", str(base()), str(unfinished)], out)
                installed(packages, unfinished, out)
            else:
                include = f"--include={','.join(PACKAGES)}"
                folder = str(unfinished)
                called(
                    ["debootstrap", "--variant=minbase", include, "bookworm", folder, MIRROR], out
                )
                as_an_installer_leaves_it(unfinished, out)
        with suppress(OSError):  # another process was faster
            unfinished.rename(whole)
    except subprocess.CalledProcessError as error:
        raise MachineError(f"{error.cmd[0]} failed; its output lies in {log}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return whole


def called(command: Sequence[str], out: object) -> None:
    subprocess.run(command, stdout=out, stderr=out, check=True, env=PLAIN)  # type: ignore[call-overload]


def installed(packages: Sequence[str], root: Path, out: object) -> None:
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    called(["chroot", str(root), "apt-get", "-q", "update"], out)
    apt = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages]
    called(["chroot", str(root), *apt], out)


def as_an_installer_leaves_it(root: Path, out: object) -> None:
    """Its name, Debian's updates, and the certificate authorities that this host's admin added,
    which commands with --online need.
    """
    (root / "etc/hostname").write_text("debian\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost debian\n::1 localhost\n")
    (root / "etc/apt/sources.list").write_text(
        f"deb {MIRROR} bookworm main\n"
        f"deb {MIRROR} bookworm-updates main\n"
        f"deb {MIRROR}-security bookworm-security main\n"
    )
    ours = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    for certificate in ours:
        shutil.copy(certificate, root / "usr/local/share/ca-certificates")
    if ours:
        called(["chroot", str(root), "update-ca-certificates"], out)


def check_tools() -> None:
    if os.geteuid() != 0:
        raise MachineError("A machine needs root: it mounts file systems and boots a systemd.")
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise MachineError(f"Not installed: apt-get install {' '.join(missing)} (make machine)")


@dataclass(frozen=True)
class Machine:
    """One machine, by its name. What was written in it stays when it is stopped, until remove."""

    name: str

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def boot(self, packages: Sequence[str] = (), binds: Sequence[str] = ()) -> None:
        """Start its systemd and wait until that has started what a Debian starts.

        packages: beside those of an empty Debian; only the first boot of a machine asks for them.
        binds: folders of this host that it may read, at the same path or FOLDER:PATH_INSIDE.
        """
        if self.running():
            raise MachineError(f"{self.name} runs already")
        check_tools()
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        made_of = self.folder / "base"
        if not made_of.exists():
            made_of.write_text(str(base(packages)))
        layers = (
            f"lowerdir={made_of.read_text()},"
            f"upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        )
        root = shlex.quote(str(self.folder / "root"))
        nspawn = [
            "systemd-nspawn",
            f"--directory={self.folder / 'root'}",
            f"--machine={self.name}",
            "--hostname=debian",
            "--private-network",
            "--register=no",
            "--keep-unit",
            "--console=read-only",
            "--resolv-conf=copy-host",
            "--link-journal=no",
            *(f"--bind-ro={bind}" for bind in binds),
            "--boot",
        ]
        script = f"""set -e
            mount -t overlay -o {shlex.quote(layers)} overlay {root}
            for procs in {" ".join(str(group / "cgroup.procs") for group in self.cgroups())}; do
                echo $$ >"$procs"
            done
            exec {shlex.join(nspawn)}"""
        for group in self.cgroups():
            group.mkdir(exist_ok=True)
        with (self.folder / "boot.log").open("wb") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation=slave", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**PLAIN, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        started = {"pid": process.pid, "started": start_of(process.pid)}
        (self.folder / "process.json").write_text(json.dumps(started))
        waited(lambda: self.settled(process), 120, f"{self.name} did not boot", self.folder)

    def settled(self, process: "subprocess.Popen[bytes]") -> bool:
        if process.poll() is not None:
            boot_log = (self.folder / "boot.log").read_text(errors="replace")
            raise MachineError(f"{self.name} ended while it booted:\n{boot_log}")
        if self.leader() is None:
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def cgroups(self) -> list[Path]:
        """A group of its own in each hierarchy that systemd uses, so that machines never meet."""
        roots = [Path(root) for root in CGROUPS if Path(root, "cgroup.procs").exists()]
        return [root / f"ich-node-machine-{self.name}" for root in roots]

    def supervisor(self) -> int | None:
        """The process id of systemd-nspawn on this host; None: it is not running."""
        try:
            known = json.loads((self.folder / "process.json").read_text())
        except FileNotFoundError:
            return None
        return known["pid"] if start_of(known["pid"]) == known["started"] else None

    def leader(self) -> int | None:
        """The process id, on this host, of its systemd; None: there is none yet, or any more."""
        supervisor = self.supervisor()
        if supervisor is None:
            return None
        with suppress(FileNotFoundError):
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            for child in children:
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return None

    def running(self) -> bool:
        return self.supervisor() is not None

    @property
    def root(self) -> Path:
        """Its root folder, as this host sees it while it runs: to copy files in and out."""
        return Path(f"/proc/{self._leader()}/root")

    def command(self, *command: str, online: bool = False) -> list[str]:
        """The command line, on this host, of a command in there. online: with this host's network,
        as apt-get and pip on a real machine have it; its services stay without.
        """
        spaces = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", *([] if online else ["--net"])]
        inside = ["sh", "-c", 'cd "$HOME" && exec "$@"', "sh", *command]
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        enter = ["nsenter", "-t", str(self._leader()), *spaces, "--root", "--wdns=/"]
        return [*enter, "env", "-i", *variables, *inside]

    def run(
        self, *command: str, online: bool = False, check: bool = True, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run it as root in there; stdout holds stderr, too. Raises MachineError with what it
        printed if its exit code is not 0 and check is true.
        """
        done = subprocess.run(
            self.command(*command, online=online),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if check and done.returncode != 0:
            said = f"in {self.name}: {shlex.join(command)}: exit code {done.returncode}"
            raise MachineError(f"{said}\n{done.stdout}")
        return done

    def copy(self, *files: Path, into: str) -> None:
        """Copy files or folders of this host into a folder in there."""
        target = self.root / into.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        called(["cp", "-a", "--no-preserve=ownership", *map(str, files), str(target)], None)

    def stop(self) -> None:
        """Shut it down as a machine is shut down; after 90 s cut its power. Stopped: nothing."""
        supervisor = self.supervisor()
        if supervisor is not None:
            os.kill(supervisor, signal.SIGTERM)
            with suppress(MachineError):
                waited(lambda: not self.running(), 90, f"{self.name} does not end", self.folder)
            for pid in (self.leader(), self.supervisor()):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
            waited(lambda: not self.running(), 30, f"{self.name} does not end", self.folder)
        for group in self.cgroups():
            waited(lambda group=group: removed(group), 30, f"{group} is in use", self.folder)

    def remove(self) -> None:
        """Stop it, and remove all that was written in it. The base stays."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _leader(self) -> int:
        leader = self.leader()
        if leader is None:
            raise MachineError(f"{self.name} is not running: boot it first")
        return leader


def start_of(pid: int) -> str | None:
    """When the process started, in clock ticks since the host did; None: it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[19] if fields[0] != "Z" else None
    return None


def removed(cgroup: Path) -> bool:
    """Its processes end a moment after their first one."""
    with suppress(OSError):
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        cgroup.rmdir()
    return not cgroup.exists()


def waited(holds: Callable[[], bool], seconds: float, otherwise: str, folder: Path) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise MachineError(f"{otherwise} in {seconds} s; see {folder / 'boot.log'}")
        time.sleep(0.1)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.empty_machine")
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("base", help="make the base now, so that the first boot is quick")
    made.add_argument("--with", dest="packages", action="append", default=[], metavar="PACKAGE")
    boot = commands.add_parser("boot", help="start a machine, a new one or one that was stopped")
    boot.add_argument("name")
    boot.add_argument("--with", dest="packages", action="append", default=[], metavar="PACKAGE")
    boot.add_argument(
        "--bind", dest="binds", action="append", default=[], metavar="FOLDER[:INSIDE]"
    )
    run = commands.add_parser("run", help="run a command in it as root; its exit code is ours")
    run.add_argument("name")
    run.add_argument("--online", action="store_true", help="with the network of this host")
    run.add_argument("words", nargs="+", metavar="-- COMMAND")
    shell = commands.add_parser("shell", help="a shell in it")
    shell.add_argument("name")
    shell.add_argument("--online", action="store_true", help="with the network of this host")
    copy = commands.add_parser("copy", help="copy files of this host into a folder in it")
    copy.add_argument("name")
    copy.add_argument("files", nargs="+", type=Path)
    copy.add_argument("into")
    commands.add_parser("stop", help="shut it down; what was written stays").add_argument("name")
    commands.add_parser("remove", help="stop it and forget it").add_argument("name")
    commands.add_parser("list", help="all machines, and whether they run")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    asked = arguments(given)
    if asked.command == "base":
        sys.stdout.write(f"{base(asked.packages)}\n")
        return 0
    if asked.command == "list":
        for folder in sorted(FOLDER.glob("*/base")):
            if folder.is_file():
                machine = Machine(folder.parent.name)
                state = "running" if machine.running() else "stopped"
                sys.stdout.write(f"{machine.name} {state}\n")
        return 0
    machine = Machine(asked.name)
    if asked.command == "boot":
        machine.boot(asked.packages, asked.binds)
    elif asked.command == "run":
        return subprocess.run(machine.command(*asked.words, online=asked.online)).returncode
    elif asked.command == "shell":
        return subprocess.run(machine.command("bash", "-l", online=asked.online)).returncode
    elif asked.command == "copy":
        machine.copy(*asked.files, into=asked.into)
    elif asked.command == "stop":
        machine.stop()
    else:
        machine.remove()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MachineError as error:
        sys.exit(f"empty_machine: {error}")
