"""A real PostgreSQL for tests: a private cluster of Debian's programs, run by an unprivileged user
behind a socket of its own.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.peers import free_port, wait_until

PROGRAMS = Path("/usr/lib/postgresql")
USER = "ichnode"
MEMORY, LEAST_FREE_BYTES = Path("/dev/shm"), 2 << 30
# No disk has to be waited for: a test kills clients, never the machine.
SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=32MB",
    "listen_addresses=",
)


@dataclass(kw_only=True)
class Cluster:
    """A server that can be stopped and started; each database that it makes has a name of its
    own.
    """

    programs: Path
    folder: Path
    port: int
    numbers: Iterator[int] = field(default_factory=count)

    def new_url(self, *, template: str = "template0") -> str:
        """A new database, as [database] url: empty, or a copy of another one that nobody uses."""
        name = f"test{next(self.numbers)}"
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        settings = [part for setting in SETTINGS for part in ("-c", setting)]
        command = [
            "postgres",
            "-D",
            str(self.folder / "data"),
            "-p",
            str(self.port),
            "-k",
            str(self.folder),
            *settings,
        ]
        self.server = subprocess.Popen(
            [self.programs / command[0], *command[1:]], **_unprivileged()
        )
        wait_until(
            lambda: self._answers() or self.server.poll() is not None, what="PostgreSQL's start"
        )

    def stop(self) -> None:
        """At once; clients that are connected lose their connection."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _address(self) -> str:
        return f"host={self.folder} port={self.port} user={USER} dbname=postgres"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new one outside pytest's folders, which are closed to other users and whose names are too
    long for a socket (107 bytes); in memory if there is room.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > LEAST_FREE_BYTES
    folder = Path(tempfile.mkdtemp(prefix="ichpg", dir=MEMORY if has_room else None))
    made = Cluster(programs=_programs(), folder=folder, port=free_port())
    try:
        if os.geteuid() == 0:
            shutil.chown(made.folder, "nobody")
        options = [
            "-D",
            str(made.folder / "data"),
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([made.programs / "initdb", *options], check=True, **_unprivileged())
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(made.folder)


def _programs() -> Path:
    """The newest installed version's folder; without one the test is skipped, and in CI it
    fails.
    """
    versions = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    message = "PostgreSQL's server is not installed (make peers)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _unprivileged() -> dict[str, object]:
    """Nobody, if we are root: PostgreSQL refuses to serve as root."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    return {
        "user": user,
        "cwd": "/",
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
