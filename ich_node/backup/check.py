"""Whether a backup is whole: every hash, and the ledger."""

from collections.abc import Iterator
from pathlib import Path

from ich_node.backup.bundles import damaged_bundles
from ich_node.backup.copying import Progress
from ich_node.backup.durable import fault_of
from ich_node.backup.folder import BackupFolder
from ich_node.backup.manifest import LEDGER, Manifest
from ich_node.errors import BackupError
from ich_node.ledger.snapshot import check_snapshot
from ich_node.ledger.snapshot_contents import SnapshotContents


def damage(folder: BackupFolder, manifest: Manifest, progress: Progress) -> Iterator[str]:
    """A sentence for each thing that is not as it was written. What the spool did not have when the
    backup was made is no damage of the backup.
    """
    place = folder.backup(manifest.name)
    files = list(damaged_files(place, manifest))
    yield from files
    yield from damaged_bundles(manifest.bundles, folder.bundles)
    if any(LEDGER in sentence for sentence in files):
        return
    try:
        check_snapshot(place / LEDGER)
        with SnapshotContents(place / LEDGER) as contents:
            yield from _damaged_objects(folder, manifest, contents, progress)
    except BackupError as error:
        yield error.detail


def damaged_files(place: Path, manifest: Manifest) -> Iterator[str]:
    """Of one backup: ledger, configuration, keys."""
    for file in manifest.files:
        path = place / file.path
        if (fault := fault_of(path, file.sha256)) is not None:
            yield f"{path} {fault}"


def _damaged_objects(
    folder: BackupFolder, manifest: Manifest, contents: SnapshotContents, progress: Progress
) -> Iterator[str]:
    known = {*manifest.removed, *manifest.missing, *manifest.damaged}
    for path, size in contents.needs.all():
        if path in known:
            continue
        file = folder.object(path)
        if (fault := fault_of(file, file.stem)) is not None:
            yield f"{file} {fault}"
        progress(size)
