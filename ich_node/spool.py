"""Files at rest: every object that was received or made, named by the hash of its bytes.

::

    <root>/incoming/<random>.part        being written; removed after a crash
    <root>/incoming/<sha256>.dcm.aside   being removed; restored after a crash
    <root>/objects/ab/<sha256>.dcm       complete and durable; written once, never changed
                                         (a notification: .json; maps: .safetensors)

No name comes from outside. An object gets its final name by one rename after its bytes are on disk,
so every file under `objects` is complete.
"""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, Self

from ich_node.errors import ConfigError, SpoolFull, Unavailable

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
RESERVE_CHECK_BYTES = 16 << 20
Suffix = Literal[".dcm", ".json", ".safetensors"]
OBJECT_PATH = re.compile(r"objects/[0-9a-f]{2}/[0-9a-f]{64}\.(dcm|json|safetensors)")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What `put` wrote. path: relative to the spool, with forward slashes; is_new: False if the
    same bytes were there before.
    """

    path: str
    sha256: str
    size_bytes: int
    is_new: bool


class Spool:
    """A folder of objects that several processes, and several hosts, may share."""

    def __init__(self, root: Path, *, reserve_bytes: int = 0, make: bool = True) -> None:
        """reserve_bytes: of the file system's free space, which no object may use. make: False
        for who only looks, also at one that is not there.

        Raises ConfigError if the folder cannot be made.
        """
        self._root = root
        self._reserve_bytes = reserve_bytes
        self._incoming, self._objects = root / "incoming", root / "objects"
        if not make:
            return
        try:
            _make_directory(root)
            _make_directory(self._incoming)
            if not self._objects.is_dir():
                # All at once: made one by one, each would cost its first object two more syncs.
                _make_directory(self._objects)
                for number in range(256):
                    (self._objects / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
                _sync(self._objects)
        except OSError as error:
            raise ConfigError(
                f"[spool] path: cannot make the folder {root}: {error.strerror}"
            ) from error

    @property
    def folder(self) -> Path:
        return self._root

    def put(self, chunks: Iterable[bytes] | bytes, suffix: Suffix = ".dcm") -> Stored:
        """Keep the bytes; they are durable when this returns. Bytes that are there already are not
        written again.

        Raises SpoolFull if there is no room or the reserve would be touched, Unavailable if the
        disk fails; then nothing is kept.
        """
        with self.begin() as part:
            for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
                part.write(chunk)
            return part.keep(suffix)

    def begin(self) -> "Part":
        """An object that is written piece by piece; the caller closes it. Raises SpoolFull,
        Unavailable.
        """
        self.check_reserve()
        return Part(spool=self, path=f"{self._incoming}/{secrets.token_hex(16)}.part")

    def absolute(self, path: str) -> Path:
        """The absolute path of an object. Raises ValueError for a path that `put` cannot have
        returned.
        """
        if not OBJECT_PATH.fullmatch(path):
            raise ValueError(f"{path!r} is not the path of an object in the spool")
        return self._root.absolute() / path

    def read(self, path: str) -> bytes:
        """The bytes of an object. Raises OSError if they cannot be read."""
        return self.absolute(path).read_bytes()

    def holds(self, path: str, size_bytes: int) -> bool:
        """Whether the object is there and complete."""
        try:
            return self.absolute(path).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def free_bytes(self) -> int:
        """Of the file system, for this user."""
        room = os.statvfs(self._root)
        return room.f_bavail * room.f_frsize

    def sweep_temporaries(self, older_than: datetime) -> int:
        """Remove the files that a process left incomplete when it died; how many.

        older_than: younger files may still be written. A file that was being removed is restored,
        since it may be needed.
        """
        for aside in self._incoming.glob("*.aside"):
            with suppress(FileNotFoundError):
                aside.rename(self._objects / aside.stem[:2] / aside.stem)
        swept = 0
        for temporary in self._incoming.glob("*.part"):
            # meanwhile another process may finish or remove the same file
            try:
                if temporary.stat().st_mtime < older_than.timestamp():
                    temporary.unlink()
                    swept += 1
            except FileNotFoundError:
                continue
        return swept

    def remove(self, path: str, *, last_put: float) -> bool:
        """Remove an object unless it was put after last_put (the same bytes may be arriving again);
        whether it was removed.

        last_put: seconds since 1970 by the clock of the files.
        """
        final = self.absolute(path)
        # Renamed first. A process that puts the same bytes after this does not find them and writes
        # them again; one that did so before has changed the time of the file, which is read twice.
        aside = self._incoming / f"{final.name}.aside"
        # another process may remove it, too, or restore it
        with suppress(FileNotFoundError):
            if final.stat().st_mtime > last_put:
                return False
            final.rename(aside)
            if aside.stat().st_mtime <= last_put:
                aside.unlink()
                return True
            aside.rename(final)
        return False

    def objects(self) -> Iterator[tuple[str, float]]:
        """The path of every object, and when it was put last (see `remove`)."""
        for file in self._objects.glob("*/*"):
            # meanwhile another process may remove it
            with suppress(FileNotFoundError):
                yield f"objects/{file.parent.name}/{file.name}", file.stat().st_mtime

    def used_percent(self) -> float:
        """How full the file system is for us, 0 to 100."""
        room = os.statvfs(self._root)
        used = room.f_blocks - room.f_bfree
        return 100 * used / max(1, used + room.f_bavail)

    def check_reserve(self) -> None:
        """Raises SpoolFull if less than the reserve is free."""
        free = self.free_bytes()
        if free < self._reserve_bytes:
            raise SpoolFull(
                f"the spool has {free} bytes left; its reserve is {self._reserve_bytes}"
            )

    def publish(self, temporary: str, *, sha256: str, size_bytes: int, suffix: Suffix) -> Stored:
        """Give a durable file of `incoming` its final name. Called by Part."""
        # Strings, as in Part: joining Paths takes longer than renaming the file.
        folder = f"{self._objects}/{sha256[:2]}"
        name = f"{sha256}{suffix}"
        final = f"{folder}/{name}"
        is_new = not _is_kept(final, size_bytes)
        if is_new:
            # It may overwrite the same bytes of another process, or a damaged copy.
            try:
                os.rename(temporary, final)
            except FileNotFoundError:  # an operator may have removed an empty folder
                _make_directory(Path(folder))
                os.rename(temporary, final)
        _sync(folder)
        return Stored(
            path=f"objects/{sha256[:2]}/{name}", sha256=sha256, size_bytes=size_bytes, is_new=is_new
        )


class Part:
    """An object that is being written to disk piece by piece. `keep` gives it its name; closed
    without that, or after an error, it leaves nothing.

    Its owner must close it; it is a context manager, too.
    """

    def __init__(self, *, spool: Spool, path: str) -> None:
        """path: of a file that is not there yet. Raises SpoolFull, Unavailable."""
        self._spool = spool
        self._path = path
        self._digest = hashlib.sha256()
        self._checked_bytes = 0
        self._is_published = False
        self.size_bytes = 0
        with _disk_errors_explained():
            self._descriptor: int | None = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )

    def write(self, chunk: bytes | memoryview) -> None:
        """Raises SpoolFull if there is no room or the reserve would be touched, Unavailable if the
        disk fails; the part is closed then.
        """
        descriptor = self._open_descriptor
        try:
            if self.size_bytes - self._checked_bytes > RESERVE_CHECK_BYTES:
                self._checked_bytes = self.size_bytes
                self._spool.check_reserve()
            self._digest.update(chunk)
            with _disk_errors_explained():
                _write_all(descriptor, chunk)
        except BaseException:
            self.close()
            raise
        self.size_bytes += len(chunk)

    def reader(self, offset: int) -> BinaryIO:
        """A file on what was written, from the offset on; the caller closes it."""
        file = os.fdopen(os.dup(self._open_descriptor), "rb")
        file.seek(offset)
        return file

    def keep(self, suffix: Suffix = ".dcm") -> Stored:
        """Make the object durable under its name, and close the part. Raises SpoolFull,
        Unavailable.
        """
        try:
            self._spool.check_reserve()
            with _disk_errors_explained():
                # fdatasync: with its length, without its times
                os.fdatasync(self._open_descriptor)
                stored = self._spool.publish(
                    self._path,
                    sha256=self._digest.hexdigest(),
                    size_bytes=self.size_bytes,
                    suffix=suffix,
                )
            self._is_published = stored.is_new
            return stored
        finally:
            self.close()

    @property
    def sha256(self) -> str:
        """Of what was written, hex: whoever copies an object compares it before `keep`."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file, and remove it if it was not kept. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
            if not self._is_published:
                with suppress(FileNotFoundError):
                    os.unlink(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _open_descriptor(self) -> int:
        assert self._descriptor is not None, "the part is closed"
        return self._descriptor


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _is_kept(final: str, size_bytes: int) -> bool:
    """Whether the object is there, complete and durable. Its time is set to now, so that `remove`
    does not take it for old.
    """
    try:
        descriptor = os.open(final, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.utime(descriptor)
        os.fsync(descriptor)  # the process that wrote it may have died before its own sync
        return os.fstat(descriptor).st_size == size_bytes
    finally:
        os.close(descriptor)


def _make_directory(path: Path) -> None:
    """For this user only. The parent is synced: otherwise a power cut could remove the new folder
    with all its files.
    """
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    _sync(path.parent)


def _sync(path: Path | str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise SpoolFull(
                f"the spool has no room for another object: {error.strerror}"
            ) from error
        raise Unavailable(f"cannot write to the spool: {error.strerror}") from error
