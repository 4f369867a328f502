"""install-service under the real systemd, and its units with every line of their hardening in
force: installed, started, killed, reloaded, upgraded, taken away.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from ich_node import __version__
from tests.support import REPOSITORY
from tests.support.peers import need, wait_until

SYSTEMD = Path("/usr/lib/systemd/systemd")
CGROUPS = next(
    (
        path
        for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
        if (path / "cgroup.procs").exists()
    ),
    None,
)
SERVICES = ("ich-node-receive", "ich-node-analyse", "ich-node-send", "ich-node-web")
CONFIG = """
[scp]
bind_address = "127.0.0.1"
[spool]
reserve_bytes = 0
[analysis]
threads = 1
engine = "torch"
"""
PROGRAM = "/opt/ich-node/bin/ich-node"
BACKUPS = "/var/backups/ich-node"
CONFIG_FILE = "/etc/ich-node/config.toml"
UNIT_OF_SEND = "/etc/systemd/system/ich-node-send.service"
PLACES = {
    "/etc/ich-node": "750 root:ich-node",
    CONFIG_FILE: "640 root:ich-node",
    "/etc/ich-node/tls": "750 root:ich-node",
    "/var/lib/ich-node": "700 ich-node:ich-node",
    "/var/lib/ich-node/var/search.key": "600 ich-node:ich-node",
    "/usr/local/bin/ich-node": "755 root:root",
    UNIT_OF_SEND: "644 root:root",
}
Inside = Callable[..., str]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Inside]:
    """A booted systemd in its own namespaces; a function that runs a command in there and returns
    what it prints.
    """
    if os.geteuid() != 0 or not SYSTEMD.exists() or CGROUPS is None:
        pytest.skip("needs root, systemd and cgroups: the units are only checked offline here")
    (tmp_path / "config.toml").write_text(CONFIG)
    cgroup = CGROUPS / f"ich-node-boot-{os.getpid()}"
    cgroup.mkdir()
    python = [
        sys.base_prefix,
        f"{sys.version_info.major}.{sys.version_info.minor}",
        str(Path(structlog.__file__).parents[1]),  # where the packages are
    ]
    namespaces = [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
        "--uts",
        "--ipc",
        "--net",
        "--cgroup",
    ]
    init = [
        str(REPOSITORY / "tests" / "support" / "systemd_boot.sh"),
        str(tmp_path),
        *python,
        str(REPOSITORY),
        __version__,
    ]
    into_cgroup = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(cgroup)]
    with (tmp_path / "boot.log").open("wb") as log:
        boot = subprocess.Popen(
            [*into_cgroup, need("unshare"), *namespaces, "bash", *init], stdout=log, stderr=log
        )

    def inside(*command: str) -> str:
        assert boot.poll() is None, (tmp_path / "boot.log").read_text()
        first = Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text().strip()
        if not first:
            return ""  # a moment after the start
        done = subprocess.run(
            [need("nsenter"), "-t", first, "-a", *command],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    try:
        yield inside
    finally:
        boot.kill()
        boot.wait()
        wait_until(lambda: removed(cgroup), seconds=60, what="the end of the machine")


def removed(cgroup: Path) -> bool:
    """Its processes end a moment after their first one."""
    with suppress(OSError):
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        cgroup.rmdir()
    return not cgroup.exists()


def state(inside: Inside, service: str) -> str:
    return inside("systemctl", "show", "--value", "-p", "ActiveState", service).strip()


def words(printed: str) -> set[str]:
    """The words before the steps that a command prints."""
    return set(re.findall(r"^(already so|to do|doing|left|unseen) ", printed, re.M))


@pytest.mark.timeout(900)
def test_a_node_is_installed_runs_and_is_taken_away(machine: Inside) -> None:
    """install-service brings all services up and has nothing to do afterwards. A killed service is
    started again; SIGHUP reloads; an edited unit is replaced when told; drop-ins stay. What
    uninstall-service leaves are data, configuration and user.
    """
    if shutil.which("systemctl") is None:
        pytest.skip("systemctl is not installed")

    def ich_node(*arguments: str) -> str:
        return machine("env", "PYTHONDONTWRITEBYTECODE=1", PROGRAM, *arguments)

    def all_are(wanted: str) -> bool:
        states = [state(machine, service) for service in SERVICES]
        assert "failed" not in states, states
        return states == [wanted] * len(SERVICES)

    def logs() -> str:
        return machine("sh", "-c", "tail -n 5 /var/lib/*.log")

    try:
        wait_until(
            lambda: machine("systemctl", "is-system-running").strip() in ("running", "degraded"),
            seconds=60,
            what="the start of the machine",
        )
        dry = ich_node("install-service", "--config", "/run/site.toml", "--start")
        assert words(dry) == {"already so", "to do"}, dry
        assert "systemd-sysusers --inline" in dry
        assert f"{PROGRAM} install-service --config /run/site.toml --start --apply" in dry
        assert "No such file" in machine("ls", "/etc/ich-node", "/var/lib/ich-node"), dry

        done = ich_node("install-service", "--config", "/run/site.toml", "--start", "--apply")
        assert all_are("active"), done
        restarts = machine("systemctl", "show", "-p", "NRestarts", *SERVICES)
        assert set(re.findall(r"NRestarts=(\d+)", restarts)) == {"0"}, restarts
        again = ich_node("install-service", "--start")
        assert words(again) == {"already so"}, again
        assert again.splitlines()[-1] == "nothing to do"

        rights = machine("stat", "-c", "%n %a %U:%G", *PLACES)
        assert rights.splitlines() == [f"{path} {rights}" for path, rights in PLACES.items()]
        # the command for people: root needs no sudo, and the ledger is that of the services
        wait_until(
            lambda: (
                re.findall(r"^(\w+) is ready", machine("ich-node", "ready"), re.M)
                == ["analyse", "receive", "send", "web"]
            ),
            seconds=60,
            what="the heartbeats of all services",
        )
        assert machine("ich-node", "check-config").splitlines()[-1] == f"{CONFIG_FILE}: ok"

        # the unit of the timer: without its folder, e.g. a share, it must not seem to work
        assert "Assertion failed" in machine("systemctl", "start", "ich-node-backup")
        machine("install", "-d", "-m", "700", "-o", "ich-node", "-g", "ich-node", BACKUPS)
        assert machine("systemctl", "start", "ich-node-backup") == ""
        assert "whole: every hash" in machine("ich-node", "backup", BACKUPS, "--check")
        assert "services run: " in machine("ich-node", "restore", BACKUPS)

        machine("systemctl", "kill", "-s", "KILL", "ich-node-send")
        wait_until(
            lambda: (
                "NRestarts=0"
                not in machine("systemctl", "show", "-p", "NRestarts", "ich-node-send")
            ),
            seconds=60,
        )
        wait_until(lambda: all_are("active"), seconds=300, what="the restart")
        assert machine("systemctl", "reload", *SERVICES) == ""
        wait_until(
            lambda: machine("sh", "-c", "cat /var/lib/*.log").count('"reloaded"') == len(SERVICES),
            seconds=60,
            what="the configuration, read again",
        )
        assert machine("systemctl", "stop", *SERVICES) == ""
        for service in SERVICES:
            ended = machine("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", service)
            assert set(ended.split()) == {"Result=success", "ExecMainStatus=0"}

        # an administrator has edited one unit, and does without another service
        machine("sed", "-i", "s/MemoryMax=2G/MemoryMax=3G/", UNIT_OF_SEND)
        machine("systemctl", "disable", "ich-node-web")
        replaced = ich_node("install-service", "--replace-edited", "--apply")
        assert "MemoryMax=2G" in machine("cat", UNIT_OF_SEND), replaced
        assert "MemoryMax=3G" in machine("cat", f"{UNIT_OF_SEND}.edited")
        assert "disabled here, and left so: ich-node-web.service" in replaced

        ich_node("uninstall-service", "--apply")
        folders = ("/opt", "/usr/local/bin", "/etc/systemd/system", "/etc/logrotate.d")
        left = machine("find", *folders, "-name", "*ich-node*").split()
        assert set(left) - {f"/etc/systemd/system/{each}.service.d" for each in SERVICES} == {
            f"{UNIT_OF_SEND}.edited"
        }
        assert "ich-node:x" in machine("getent", "passwd", "ich-node")
        assert machine("stat", "-c", "%U %a", "/var/lib/ich-node").split() == ["ich-node", "700"]
        assert "search.key" in machine("ls", "/var/lib/ich-node/var")
        assert "config.toml" in machine("ls", "/etc/ich-node")
        assert machine("systemctl", "list-units", "--all", "--no-legend", "ich-node*") == ""
    except AssertionError as error:
        raise AssertionError(f"{error}\n{logs()}") from error
