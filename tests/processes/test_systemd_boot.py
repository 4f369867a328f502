"""The units under the real systemd, with every line of their hardening in force: started, killed,
reloaded, stopped.
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


@pytest.mark.timeout(900)
def test_the_units_run_under_systemd(machine: Inside) -> None:
    """All become ready; a killed one is started again; SIGHUP reloads; all stop with exit code 0,
    and other users can read nothing.
    """
    if shutil.which("systemctl") is None:
        pytest.skip("systemctl is not installed")

    def all_are(wanted: str) -> bool:
        states = [state(machine, service) for service in SERVICES]
        assert "failed" not in states, states
        return states == [wanted] * len(SERVICES)

    def start() -> bool:
        """None of them is started a second time: whatever ended it would end it again."""
        restarts = machine("systemctl", "show", "-p", "NRestarts", *SERVICES)
        assert set(re.findall(r"NRestarts=(\d+)", restarts)) <= {"0"}, restarts
        return all_are("active")

    def logs() -> str:
        return machine("sh", "-c", "tail -n 5 /var/lib/*.log")

    try:
        wait_until(start, seconds=400, what="the start of all services")
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
        assert machine("stat", "-c", "%U %a", "/var/lib/ich-node").split() == ["ich-node", "700"]
        assert machine("systemctl", "stop", *SERVICES) == ""
        for service in SERVICES:
            ended = machine("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", service)
            assert set(ended.split()) == {"Result=success", "ExecMainStatus=0"}
    except AssertionError as error:
        raise AssertionError(f"{error}\n{logs()}") from error
