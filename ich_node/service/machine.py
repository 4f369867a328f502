"""The machine on which the node is installed."""

import os
import pwd
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ich_node.errors import Unavailable
from ich_node.service import places


@dataclass(frozen=True, kw_only=True)
class Machine:
    """root: below which all places lie; user: of the services. said: gets what a long command
    prints, line by line.
    """

    root: Path = Path("/")
    user: str = places.USER
    said: Callable[[str], None] = field(default=print)

    def at(self, path: Path) -> Path:
        """path: absolute, as the services see it."""
        return self.root / path.relative_to("/")

    @property
    def is_root(self) -> bool:
        return os.geteuid() == 0

    @property
    def has_systemd(self) -> bool:
        """It runs, and is not only installed (sd_booted(3))."""
        return self.at(Path("/run/systemd/system")).is_dir()

    @property
    def account(self) -> pwd.struct_passwd | None:
        """Of the services; None: there is no such user yet."""
        try:
            return pwd.getpwnam(self.user)
        except KeyError:
            return None

    def run(self, *command: str) -> str:
        """What it prints. Raises Unavailable with what it says if it fails."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(
                f"`{shlex.join(command)}` failed:\n{(done.stderr + done.stdout)[-2000:]}"
            )
        return done.stdout

    def run_aloud(self, *command: str) -> None:
        """For what takes minutes: its lines are shown while it runs. Raises Unavailable."""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.said(line.rstrip())
        if process.returncode:
            raise Unavailable(f"`{shlex.join(command)}` failed; what it said stands above")

    def asked(self, *command: str) -> str:
        """What it prints, whether it fails or not; "" if there is no such program."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return ""
        return done.stdout

    def run_as_user(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As the services would, with their configuration and their folder."""
        account = self.account
        assert account is not None
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": str(places.STATE),
            "ICHNODE_HOME": str(places.STATE),
            "ICH_NODE_CONFIG": str(places.CONFIG),
        }
        return subprocess.run(
            command,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(self.user, account.pw_gid),
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
