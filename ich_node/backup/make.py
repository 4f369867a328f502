"""One backup, while the services work.

The order makes it consistent without stopping anything. A receiver writes the object before its
row, and retention removes the row before the file. So the spool is copied first, then the ledger in
one moment, then what the ledger needs and arrived meanwhile: every object that was acknowledged
before that moment is in the backup.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node import __version__
from ich_node.backup.bundles import save_bundles
from ich_node.backup.copying import Copied, Progress, bytes_to_copy, copy_object, objects_in
from ich_node.backup.durable import disk_explained, hash_of, make_private, write_file
from ich_node.backup.folder import BackupFolder, writing
from ich_node.backup.manifest import (
    CONFIG,
    FORMAT,
    LEDGER,
    MANIFEST,
    File,
    Manifest,
    SavedCounts,
    name_of,
    read_manifest,
)
from ich_node.backup.prune import Pruned, prune
from ich_node.backup.records import save_records
from ich_node.backup.secret_files import WITHOUT_SECRETS, save_secrets
from ich_node.config.config import Config
from ich_node.errors import BackupError, ConfigError
from ich_node.ledger.snapshot import Snapshot, ledger_bytes, living_needs, take_snapshot
from ich_node.ledger.snapshot_contents import SnapshotContents


@dataclass(frozen=True, kw_only=True)
class Node:
    """What is backed up. environment: names of the variables that override config.toml."""

    config: Config
    config_path: Path | None
    environment: tuple[str, ...]
    host: str


@dataclass(frozen=True, kw_only=True)
class Size:
    """In bytes. new: of objects that the folder does not have; free: of its file system, less what
    the spool keeps free on the same one.
    """

    new: int
    ledger: int
    free: int
    is_same_disk: bool


@dataclass(frozen=True, kw_only=True)
class Made:
    """copied: objects that were not in the folder before."""

    manifest: Manifest
    path: Path
    copied: int
    pruned: Pruned


def make_backup(
    path: Path,
    node: Node,
    *,
    keep: int,
    with_secrets: bool,
    clock: Callable[[], datetime],
    measured: Callable[[Size], object],
    progress: Progress,
) -> Made:
    """keep: how many backups stay, with this one. measured: is told the size before anything is
    copied.

    Raises ConfigError, NoLedger, Unavailable, and BackupError; the earlier backups stay as they
    were.
    """
    _require_outside(path, node.config.spool.path)
    with writing(path) as folder, disk_explained(path):
        newest = _newest(folder)
        size = _size(folder, node)
        measured(size)
        if size.new + size.ledger > size.free:
            raise BackupError(
                f"{path} has no room: {_mb(size.new + size.ledger)} are needed and"
                f" {_mb(size.free)} free; nothing was changed. Make room, or name another folder"
            )
        copied = _copy_spool(folder, node, progress)
        at = clock()
        name = name_of(at)
        if name in folder.names():
            raise BackupError(f"{path} has a backup of this second already")
        built = folder.incoming / name
        make_private(built)
        snapshot = take_snapshot(node.config.database.url, built / LEDGER)
        with SnapshotContents(built / LEDGER) as contents:
            _require_same_node(newest, contents.search_key(), node)
            rest = _copy_needed(folder, node, contents, progress)
            manifest = _manifest(
                folder,
                built,
                node,
                contents,
                rest,
                name=name,
                at=at,
                snapshot=snapshot,
                with_secrets=with_secrets,
                clock=clock,
            )
        write_file(built / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
        final = folder.publish(built, name)
        pruned = prune(folder, keep=keep)
        return Made(manifest=manifest, path=final, copied=copied + rest.copied, pruned=pruned)


@dataclass(frozen=True, kw_only=True)
class _Needed:
    """The objects that the ledger's snapshot needs. Lists of paths: see Manifest."""

    copied: int
    files: int
    size_bytes: int
    removed: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]


def _size(folder: BackupFolder, node: Node) -> Size:
    spool = node.config.spool
    room = os.statvfs(folder.path)
    is_same_disk = spool.path.exists() and (spool.path.stat().st_dev == folder.path.stat().st_dev)
    free = room.f_bavail * room.f_frsize - (spool.reserve_bytes if is_same_disk else 0)
    return Size(
        new=bytes_to_copy(objects_in(spool.path), folder.path),
        ledger=ledger_bytes(node.config.database.url),
        free=max(0, free),
        is_same_disk=is_same_disk,
    )


def _copy_spool(folder: BackupFolder, node: Node, progress: Progress) -> int:
    """Whatever is there now; what cannot be copied is judged by the ledger later."""
    spool, store = node.config.spool.path, folder.store()
    return sum(
        copy_object(path, spool, store, progress) is Copied.NEW for path, _ in objects_in(spool)
    )


def _copy_needed(
    folder: BackupFolder, node: Node, contents: SnapshotContents, progress: Progress
) -> _Needed:
    spool, store = node.config.spool.path, folder.store()
    copied = files = size_bytes = 0
    gone, damaged = [], []
    for path, size in contents.needs.all():
        if store.holds(path, size):
            became = Copied.THERE
        else:
            became = copy_object(path, spool, store, progress)
        if became is Copied.GONE:
            gone.append(path)
        elif became is Copied.DAMAGED:
            damaged.append(path)
        else:
            files, size_bytes = files + 1, size_bytes + size
            copied += became is Copied.NEW
    still_needed = living_needs(node.config.database.url, gone) if gone else set()
    return _Needed(
        copied=copied,
        files=files,
        size_bytes=size_bytes,
        removed=tuple(path for path in gone if path not in still_needed),
        missing=tuple(path for path in gone if path in still_needed),
        damaged=tuple(damaged),
    )


def _manifest(
    folder: BackupFolder,
    built: Path,
    node: Node,
    contents: SnapshotContents,
    needed: _Needed,
    *,
    name: str,
    at: datetime,
    snapshot: Snapshot,
    with_secrets: bool,
    clock: Callable[[], datetime],
) -> Manifest:
    """Writes what is left to write: bundles, config.toml, reports, keys."""
    config = node.config
    files = [_file(built, LEDGER, hash_of(built / LEDGER))]
    if node.config_path is not None:
        digest = write_file(built / CONFIG, node.config_path.read_bytes())
        files.append(_file(built, CONFIG, digest))
    bundles, left_out = save_bundles(
        contents, spool=config.spool.path, configured=config.bundle.path, folder=folder.bundles
    )
    secrets, problems = save_secrets(built, config) if with_secrets else ([], [WITHOUT_SECRETS])
    files += [
        _file(built, path, hash_of(built / path)) for path in save_records(config.spool.path, built)
    ]
    files += [_file(built, each.file, hash_of(built / each.file)) for each in secrets]
    return Manifest(
        format=FORMAT,
        name=name,
        at=at,
        ended_at=clock(),
        version=__version__,
        schema_version=snapshot.schema,
        database="sqlite" if config.database.url.startswith("sqlite") else "postgresql",
        host=node.host,
        spool=str(config.spool.path),
        search_key=contents.search_key(),
        last_received_at=contents.last_received_at(),
        counts=SavedCounts(**contents.counts(), files=needed.files, size_bytes=needed.size_bytes),
        files=tuple(files),
        bundles=tuple(bundles),
        secrets=tuple(secrets),
        removed=needed.removed,
        missing=needed.missing,
        damaged=needed.damaged,
        environment=node.environment,
        left_out=(*_unknown(snapshot), *left_out, *problems),
    )


def _unknown(snapshot: Snapshot) -> list[str]:
    names = ", ".join(snapshot.unknown)
    return [f"what a later version has added to the ledger: {names}"] if names else []


def _file(built: Path, path: str, sha256: str) -> File:
    return File(path=path, sha256=sha256, size_bytes=(built / path).stat().st_size)


def _require_outside(path: Path, spool: Path) -> None:
    ours, theirs = path.resolve(), spool.resolve()
    if ours == theirs or theirs in ours.parents:
        raise ConfigError(f"{path} lies in the spool {spool}; name a folder elsewhere")


def _newest(folder: BackupFolder) -> Manifest | None:
    """None: there is none, or it cannot be read, which the check of this folder says."""
    for name in folder.names():
        try:
            return read_manifest(folder.backup(name))
        except BackupError:
            continue
    return None


def _require_same_node(newest: Manifest | None, search_key: str | None, node: Node) -> None:
    """Two nodes that use one folder would remove each other's backups."""
    if newest is None or None in (search_key, newest.search_key):
        return
    if newest.search_key != search_key and (newest.host, newest.spool) != (
        node.host,
        str(node.config.spool.path),
    ):
        raise ConfigError(
            f"this folder holds backups of another node (host {newest.host}, spool {newest.spool});"
            " give each node a folder of its own"
        )


def _mb(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
