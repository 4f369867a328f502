"""The folder of the backups::

    <folder>/ich-node-backup.json          says what this folder is; locked by whoever uses it
    <folder>/objects/ab/<sha256>.dcm       of the spool, each once for all backups
    <folder>/bundles/<sha256>.safetensors
    <folder>/backups/20261129T174500Z/     one backup: ledger.sqlite, manifest.json, ...
    <folder>/incoming/                     what is being written; removed by the next backup

A backup appears under its name in one step, when all of it is on disk. A process that is killed
before leaves the earlier ones as they were.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ich_node.backup.durable import disk_explained, make_private, sync_folder, write_file
from ich_node.backup.manifest import BUNDLES, FORMAT, NEWER
from ich_node.errors import BackupError, ConfigError
from ich_node.spool import Spool

MARKER = "ich-node-backup.json"
BACKUPS, INCOMING, OBJECTS = "backups", "incoming", "objects"
NAME = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, kw_only=True)
class BackupFolder:
    """Opened by `writing` or `reading`."""

    path: Path

    @property
    def bundles(self) -> Path:
        return self.path / BUNDLES

    @property
    def incoming(self) -> Path:
        return self.path / INCOMING

    def store(self) -> Spool:
        """The objects; a spool of its own, so that each is durable before it has its name."""
        return Spool(self.path)

    def object(self, path: str) -> Path:
        """Of an object of the spool; nothing is made."""
        return self.path / path

    def names(self) -> list[str]:
        """Of the backups, the newest first."""
        with disk_explained(self.path):
            found = [each.name for each in (self.path / BACKUPS).iterdir()]
        return sorted((name for name in found if NAME.fullmatch(name)), reverse=True)

    def backup(self, name: str) -> Path:
        return self.path / BACKUPS / name

    def chosen(self, name: str | None) -> Path:
        """The newest backup, or the one of this name. Raises BackupError."""
        names = self.names()
        if not names:
            raise BackupError(f"{self.path} holds no finished backup")
        if name is None:
            return self.backup(names[0])
        if name not in names:
            raise BackupError(f"{self.path} holds no backup {name}; it has {', '.join(names)}")
        return self.backup(name)

    def clean(self) -> None:
        """Remove what a killed backup left."""
        for left in self.incoming.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def publish(self, built: Path, name: str) -> Path:
        """Give a finished backup its name, durably."""
        final = self.backup(name)
        sync_folder(built)
        built.rename(final)
        sync_folder(final.parent)
        return final

    def remove(self, name: str) -> None:
        """It is gone in one step; its objects stay until `prune_objects`."""
        aside = self.incoming / name
        self.backup(name).rename(aside)
        sync_folder(self.path / BACKUPS)
        shutil.rmtree(aside)


@contextmanager
def writing(path: Path) -> Iterator[BackupFolder]:
    """For one backup at a time; the folder is made where it is missing.

    Raises ConfigError if it holds other things, BackupError if it cannot be used, or somebody else
    uses it.
    """
    with disk_explained(path):
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is not a folder")
        marker = path / MARKER
        if not marker.exists():
            _make(path)
    _require_marker(path)
    with disk_explained(path):
        descriptor = os.open(marker, os.O_RDWR | os.O_CLOEXEC)
        try:
            _lock(descriptor, fcntl.LOCK_EX, path)
            folder = BackupFolder(path=path)
            for each in (BACKUPS, BUNDLES, INCOMING, OBJECTS):
                make_private(path / each)
            folder.clean()
            yield folder
        finally:
            os.close(descriptor)


@contextmanager
def reading(path: Path) -> Iterator[BackupFolder]:
    """Nothing is changed, and no backup is made or removed meanwhile. Raises BackupError."""
    if not path.is_dir():
        raise BackupError(f"there is no folder {path}")
    _require_marker(path)
    with disk_explained(path):
        descriptor = os.open(path / MARKER, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(descriptor, fcntl.LOCK_SH, path)
        yield BackupFolder(path=path)
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    """A new one, in an empty folder."""
    make_private(path)
    others = sorted(each.name for each in path.iterdir() if each.name != "lost+found")
    if others:
        raise ConfigError(
            f"{path} holds other things ({others[0]}) and is no folder of backups; name an empty"
            " one, or one that is not there yet"
        )
    with suppress(PermissionError):  # a share may have modes of its own
        path.chmod(0o700)
    text = {"about": "backups of ich-node; ich-node restore reads them", "format": FORMAT}
    write_file(path / MARKER, (json.dumps(text, indent=2) + "\n").encode())


def _require_marker(path: Path) -> None:
    marker = path / MARKER
    try:
        values = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        inner = path.parent.parent
        hint = f"; the folder is {inner}" if (inner / MARKER).exists() else ""
        raise BackupError(
            f"{path} is no folder of backups of ich-node: it has no {MARKER}{hint}"
        ) from error
    except OSError as error:
        raise BackupError(f"{marker} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BackupError(f"{marker} is damaged: it is no JSON") from error
    found = values.get("format") if isinstance(values, dict) else None
    if not isinstance(found, int):
        raise BackupError(f"{marker} is damaged: it has no format")
    if found > FORMAT:
        raise BackupError(f"{path} {NEWER}")


def _lock(descriptor: int, how: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BackupError(f"another backup or restore uses {path} now") from error
