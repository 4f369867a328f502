"""Secrets that the node makes for itself: each in a file that only its user may read."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from ich_node.errors import ConfigError

OTHERS = stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH


def make_secret(path: Path, secret: str, *, setting: str) -> None:
    """The whole file appears in one step; if another process makes one, that one stays. setting:
    which names the file. Raises ConfigError.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secret + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot make {path}: {error.strerror}") from error


def require_private(path: Path, mode: int, *, setting: str) -> None:
    """mode: of the file. Raises ConfigError if every user can read it."""
    if mode & OTHERS:
        raise ConfigError(
            f"{setting}: every user of this machine can read {path}; `chmod 600 {path}`"
        )
