"""Older backups, and then the objects and bundles that none of the others needs."""

import itertools
from contextlib import ExitStack
from dataclasses import dataclass

from ich_node.backup.copying import objects_in
from ich_node.backup.folder import BackupFolder
from ich_node.backup.manifest import LEDGER, read_manifest
from ich_node.errors import BackupError
from ich_node.ledger.snapshot_contents import SnapshotContents

PATHS_AT_ONCE = 500  # in one query


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """backups: their names. problem: why nothing else was removed; "" if it was."""

    backups: tuple[str, ...]
    objects: int
    problem: str = ""


def prune(folder: BackupFolder, *, keep: int) -> Pruned:
    """keep: how many backups stay, the newest. While one of them cannot be read, nobody knows what
    it needs: then only whole backups are removed.
    """
    old = folder.names()[keep:]
    for name in old:
        folder.remove(name)
    try:
        removed = _prune_objects(folder)
    except BackupError as error:
        return Pruned(backups=tuple(old), objects=0, problem=error.detail)
    return Pruned(backups=tuple(old), objects=removed)


def _prune_objects(folder: BackupFolder) -> int:
    kept = folder.names()
    bundles = {
        bundle.sha256 for name in kept for bundle in read_manifest(folder.backup(name)).bundles
    }
    removed = 0
    with ExitStack() as open_ones:
        snapshots = [
            open_ones.enter_context(SnapshotContents(folder.backup(name) / LEDGER)) for name in kept
        ]
        paths = (path for path, _ in objects_in(folder.path))
        while batch := set(itertools.islice(paths, PATHS_AT_ONCE)):
            for snapshot in snapshots:
                batch -= snapshot.needs.among(batch)
                if not batch:
                    break
            for path in batch:
                folder.object(path).unlink()
            removed += len(batch)
    for file in folder.bundles.glob("*.safetensors"):
        if file.stem not in bundles:
            file.unlink()
    return removed
