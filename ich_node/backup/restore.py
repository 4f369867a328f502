"""A backup becomes the state of a node again.

The ledger comes last: a restore that is killed leaves objects that no row names, and no ledger. It
is run again then, and copies what is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.backup.bundles import bundle_in
from ich_node.backup.copying import Copied, Progress, copy_object
from ich_node.backup.durable import disk_explained, make_private, write_file
from ich_node.backup.folder import BackupFolder
from ich_node.backup.make import Node
from ich_node.backup.manifest import LEDGER, SavedBundle
from ich_node.backup.plan import Plan, services_in_the_way
from ich_node.backup.records import restore_records
from ich_node.backup.secret_files import restore_secrets
from ich_node.config.places import sqlite_file
from ich_node.errors import BackupError
from ich_node.ledger.restoring import Restoration, prepare, put_in_place, what_is_there
from ich_node.ledger.snapshot_contents import SnapshotContents
from ich_node.model.bundle_file import KEPT_IN
from ich_node.spool import Spool

RESTORING = "restoring.sqlite"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """copied: objects that the spool did not have. lost: those that it lacks now. aside: where the
    ledger was moved to that was there. secrets: a sentence for each file.
    """

    copied: int
    lost: tuple[str, ...]
    aside: Path | None
    secrets: tuple[str, ...]


def restore(
    folder: BackupFolder,
    plan: Plan,
    node: Node,
    *,
    is_paused: bool,
    may_be_incomplete: bool,
    who: str,
    clock: Callable[[], datetime],
    progress: Progress,
) -> Restored:
    """Do what `plan_restore` planned. Raises BackupError, ConfigError, Unavailable; then the
    ledger is what it was before.
    """
    if plan.obstacles:
        raise BackupError("\n".join(plan.obstacles))
    config = node.config
    spool = Spool(config.spool.path)
    copied, lost = _copy_objects(folder, plan, spool, progress)
    if lost and not may_be_incomplete:
        raise BackupError(
            f"{len(lost)} objects of the backup are damaged, e.g. {folder.object(lost[0])}; the"
            " ledger was not restored. Restore another backup (--at), or what is there:"
            " --incomplete"
        )
    with disk_explained(config.spool.path):
        paths = _restore_bundles(folder, plan.manifest.bundles, config.spool.path / KEPT_IN)
        restore_records(plan.place, plan.manifest, config.spool.path)
        secrets = restore_secrets(plan.place, plan.manifest, config)
    now = clock()
    restoration = Restoration(
        backup=plan.manifest.name,
        at=plan.manifest.at,
        who=who,
        host=node.host,
        now=now,
        bundles=paths,
        read_with={
            earlier: paths[each.sha256]
            for each in plan.manifest.bundles
            if each.sha256 in paths
            for earlier in each.paths
        },
        removed=plan.manifest.removed,
        is_paused=is_paused,
        destinations=[each.name for each in config.destinations],
    )
    aside = _restore_ledger(plan, node, restoration)
    return Restored(copied=copied, lost=tuple(lost), aside=aside, secrets=tuple(secrets))


def _copy_objects(
    folder: BackupFolder, plan: Plan, spool: Spool, progress: Progress
) -> tuple[int, list[str]]:
    known = {*plan.manifest.removed, *plan.manifest.missing, *plan.manifest.damaged}
    copied, lost = 0, []
    with SnapshotContents(plan.place / LEDGER) as contents:
        for path, _ in contents.needs.all():
            became = copy_object(path, folder.path, spool, progress)
            if became is Copied.NEW:
                copied += 1
            elif became in (Copied.GONE, Copied.DAMAGED) and path not in known:
                lost.append(path)
    return copied, lost


def _restore_bundles(
    folder: BackupFolder, bundles: tuple[SavedBundle, ...], kept: Path
) -> dict[str, str]:
    """Where each is now, by its SHA-256."""
    paths = {}
    for each in bundles:
        saved = bundle_in(folder.bundles, each.sha256)
        if not saved.exists():
            continue
        make_private(kept)
        path = bundle_in(kept, each.sha256).resolve()
        if not path.exists():
            write_file(path, saved.read_bytes())
        paths[each.sha256] = str(path)
    return paths


def _restore_ledger(plan: Plan, node: Node, restoration: Restoration) -> Path | None:
    config = node.config
    file = sqlite_file(config.database.url)
    folder = config.spool.path if file is None else file.parent
    with disk_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        prepared = folder / RESTORING
        prepared.unlink(missing_ok=True)
        try:
            prepare(plan.place / LEDGER, prepared, restoration)
            occupied = what_is_there(config.database.url, now=restoration.now)
            for sentence in services_in_the_way(config, occupied):
                raise BackupError(sentence)
            return put_in_place(prepared, config.database.url)
        finally:
            prepared.unlink(missing_ok=True)
