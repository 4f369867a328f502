"""Files that are on disk under their name as a whole, or not there at all."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ich_node.errors import BackupError, SpoolFull

CHUNK_BYTES = 1 << 20
PRIVATE = 0o600


def write_file(path: Path, data: bytes) -> str:
    """For this user only; the SHA-256, hex. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return hashlib.sha256(data).hexdigest()


def hash_of(path: Path) -> str:
    """SHA-256, hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fault_of(path: Path, sha256: str) -> str | None:
    """Why a file has not the bytes that it should have, as the end of a sentence; None: it has."""
    try:
        return (
            None if hash_of(path) == sha256 else "is damaged: its bytes are not those of its hash"
        )
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def sync_folder(path: Path) -> None:
    """New names in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """A folder that only this user can open, also where it was there before."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def disk_explained(where: Path) -> Iterator[None]:
    """Raises BackupError for what the file system refuses."""
    try:
        yield
    except SpoolFull as error:
        raise BackupError(f"{where} is full") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BackupError(f"{where} is full") from error
        name = error.filename or where
        raise BackupError(f"{name}: {error.strerror}") from error
