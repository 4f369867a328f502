"""Containers of an image that tests/packaging/image.py made: what an engine would do with it, by
namespaces alone. The network is the host's; limits of memory are not set.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.peers import need, wait_until

SCRIPT = Path(__file__).with_name("inside.sh")
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child")
TMPFS = ("/tmp mode=1777,size=512m", "/run/ich-node mode=0700,uid=11112,gid=11112,size=1m")


@dataclass(frozen=True)
class Image:
    """folder: has rootfs and image.json."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "rootfs"

    @property
    def says(self) -> dict[str, Any]:
        says: dict[str, Any] = json.loads((self.folder / "image.json").read_text())
        return says


@dataclass
class Container:
    """mounts: FOLDER:INSIDE, with :ro if it cannot be written; the files and folders exist."""

    image: Image
    name: str
    command: Sequence[str]
    log: Path
    mounts: Sequence[str] = ()
    tmpfs: Sequence[str] = TMPFS
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """As an engine starts it; its output goes to the log."""
        says = self.image.says
        for mount in self.mounts:
            self._make_place(mount)
        shell = [need("unshare"), *NAMESPACES, "sh", str(SCRIPT), str(self.image.root), self.name]
        details = [says["user"], "\n".join(self.mounts), "\n".join(self.tmpfs)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*shell, *details, *says["entrypoint"], *(self.command or says["command"])],
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def _variables(self) -> dict[str, str]:
        return {**self.image.says["environment"], **self.environment}

    def _make_place(self, mount: str) -> None:
        """An engine makes the places of mounts, too."""
        source, inside = mount.split(":")[:2]
        place = self.image.root / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            place.mkdir(exist_ok=True)
        else:
            place.touch()

    @property
    def first(self) -> int:
        """The number of its process 1 on this host. Raises AssertionError if it has ended."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        found: list[str] = []

        def is_there() -> bool:
            assert self.process is not None
            found[:] = children.read_text().split()
            return bool(found) or self.process.poll() is not None

        wait_until(is_there, what="process 1")
        assert self.process.poll() is None, self.said
        return int(found[0])

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def run(self, *command: str, user: str = "") -> "subprocess.CompletedProcess[str]":
        """A further command in it, as its user: `docker exec`."""
        uid, _, gid = (user or self.image.says["user"]).partition(":")
        enter = [need("nsenter"), "-t", str(self.first), "--mount", "--pid", "--uts", "--root"]
        who = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--bounding-set=-all"]
        return subprocess.run(
            [*enter, *who, *command],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def is_healthy(self) -> bool:
        """By the health check of the image."""
        return self.run(*self.image.says["healthcheck"]).returncode == 0

    def stop(self, *, seconds: float) -> int:
        """The image's stop signal, to process 1 alone; the exit code. Raises TimeoutExpired where
        an engine would kill it.
        """
        assert self.process is not None
        os.kill(self.first, getattr(signal, self.image.says["stop_signal"]))
        return self.process.wait(seconds)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()  # --kill-child: all that is in it ends
            self.process.wait()


@contextmanager
def running(container: Container) -> Iterator[Container]:
    container.start()
    try:
        yield container
    finally:
        container.kill()
