"""What a restore would do, and what forbids it. Nothing is changed."""

import os
import pwd
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ich_node.backup.bundles import damaged_bundles
from ich_node.backup.check import damaged_files
from ich_node.backup.folder import BackupFolder
from ich_node.backup.make import Node
from ich_node.backup.manifest import CONFIG, LEDGER, Manifest, read_manifest
from ich_node.config.config import Config
from ich_node.config.places import sqlite_file
from ich_node.errors import BackupError
from ich_node.ledger.restoring import Occupied, require_usable_snapshot, what_is_there
from ich_node.ledger.search_key import SearchKey
from ich_node.ledger.snapshot_contents import SnapshotContents
from ich_node.processes.running import running_services


@dataclass(frozen=True, kw_only=True)
class Plan:
    """new_bytes, new_files: of objects that the spool does not have. lost: objects that the ledger
    of the backup needs, and the folder does not have. obstacles: sentences; while there is one,
    nothing is restored. remarks: sentences about what else should be known.
    """

    manifest: Manifest
    place: Path
    occupied: Occupied
    new_bytes: int
    new_files: int
    owed_to: tuple[str, ...]
    lost: tuple[str, ...]
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]


def plan_restore(
    folder: BackupFolder,
    node: Node,
    *,
    name: str | None,
    now: datetime,
    may_replace: bool,
    may_be_incomplete: bool,
) -> Plan:
    """name: of the backup; None: the newest. may_replace: a ledger that is there is moved aside.
    may_be_incomplete: also without what is missing or damaged in the backup.

    Raises BackupError if the backup cannot be restored by this version at all, ConfigError,
    Unavailable.
    """
    place = folder.chosen(name)
    manifest = read_manifest(place)
    damaged = list(damaged_files(place, manifest))
    of_ledger = [sentence for sentence in damaged if LEDGER in sentence]
    if of_ledger:
        raise BackupError(f"{of_ledger[0]}; restore another backup of this folder (--at)")
    require_usable_snapshot(place / LEDGER, manifest.version)
    damaged += damaged_bundles(manifest.bundles, folder.bundles)
    spool = node.config.spool.path
    known = {*manifest.removed, *manifest.missing, *manifest.damaged}
    new_bytes = new_files = 0
    lost = []
    with SnapshotContents(place / LEDGER) as contents:
        for path, size in contents.needs.all():
            if not _has(folder.object(path), size):
                if path not in known:
                    lost.append(path)
            elif not _has(spool / path, size):
                new_bytes, new_files = new_bytes + size, new_files + 1
        owed_to = tuple(contents.destinations_owed())
    if lost:
        damaged.append(f"{len(lost)} objects are missing in {folder.path}, e.g. {lost[0]}")
    occupied = what_is_there(node.config.database.url, now=now)
    obstacles = [
        *_other_user(node.config),
        *_in_the_way(node.config, occupied, may_replace=may_replace),
        *_no_room(node.config, new_bytes, manifest),
        *_other_key(node.config, manifest),
    ]
    if damaged and not may_be_incomplete:
        obstacles += [*damaged, "--incomplete restores what is there"]
    return Plan(
        manifest=manifest,
        place=place,
        occupied=occupied,
        new_bytes=new_bytes,
        new_files=new_files,
        owed_to=owed_to,
        lost=tuple(lost),
        obstacles=tuple(obstacles),
        remarks=tuple(_remarks(node, manifest, place, damaged if may_be_incomplete else [])),
    )


def services_in_the_way(config: Config, occupied: Occupied) -> Iterator[str]:
    """Of this host by their locks, of others by their heartbeats."""
    here = [f"{each.name} (pid {each.pid})" for each in running_services(config.spool.path)]
    if here:
        yield f"services run: {', '.join(here)}; stop them first"
    elif occupied.alive:
        yield (
            f"services use this ledger, or did a minute ago: {', '.join(occupied.alive)}; stop them"
            " first"
        )


def _other_user(config: Config) -> Iterator[str]:
    """Files of root would lock out the services, which are not root."""
    there = _first_that_exists(config.spool.path)
    owner = there.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        yield (
            f"{there} belongs to {_user(owner)}, and this is root: the services could not read what"
            f" root restores; run it as {_user(owner)}, as the command `ich-node` beside the"
            " services does"
        )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _first_that_exists(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _in_the_way(config: Config, occupied: Occupied, *, may_replace: bool) -> Iterator[str]:
    yield from services_in_the_way(config, occupied)
    if not occupied.jobs:
        return
    file = sqlite_file(config.database.url)
    if file is None:
        yield (
            f"the database holds a ledger with {occupied.jobs} jobs; make an empty one (createdb)"
            " and name it in [database] url"
        )
    elif not may_replace:
        yield (
            f"{file} is a ledger with {occupied.jobs} jobs; --replace moves it aside and restores"
            " the backup in its place"
        )


def _no_room(config: Config, new_bytes: int, manifest: Manifest) -> Iterator[str]:
    """The ledger is written once more while it is prepared."""
    need = new_bytes + 2 * manifest.bytes_of_files + config.spool.reserve_bytes
    there = _first_that_exists(config.spool.path)
    room = os.statvfs(there)
    free = room.f_bavail * room.f_frsize
    if need > free:
        yield (
            f"{there} has no room: {need / 1e6:,.0f} MB are needed (with [spool] reserve_bytes) and"
            f" {free / 1e6:,.0f} MB free"
        )


def _other_key(config: Config, manifest: Manifest) -> Iterator[str]:
    path = config.database.search_key
    if manifest.search_key is None or not path.exists():
        return
    try:
        key = SearchKey(key=bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        yield f"[database] search_key: {path} cannot be read, or is no search key"
        return
    if key.fingerprint != manifest.search_key:
        yield (
            f"[database] search_key: {path} is another key than that of the backup (fingerprint"
            f" {manifest.search_key}); move it away"
        )


def _remarks(node: Node, manifest: Manifest, place: Path, damaged: list[str]) -> Iterator[str]:
    yield from damaged
    if manifest.missing or manifest.damaged:
        count = len(manifest.missing) + len(manifest.damaged)
        yield f"the spool lacked {count} objects when the backup was made: they are not in it"
    key = node.config.database.search_key
    has_key = any(each.setting == "[database] search_key" for each in manifest.secrets)
    if manifest.search_key is not None and not has_key and not key.exists():
        yield (
            f"the backup has no search key: copy it to {key} before receive starts, or give it up"
            " with `ich-node jobs forget-search-terms`"
        )
    if different := _different_settings(place / CONFIG, node.config_path):
        yield (
            f"config.toml differs from that of the backup ({place / CONFIG}) in:"
            f" {', '.join(different)}"
        )
    if manifest.environment:
        yield (
            "where the backup was made, variables overrode config.toml:"
            f" {', '.join(manifest.environment)}"
        )


def _different_settings(saved: Path, path: Path | None) -> list[str]:
    """Names only: values may be secret. The backup's file was checked by its hash."""
    if not saved.exists():
        return []
    then = _flat(tomllib.loads(saved.read_text(encoding="utf-8")))
    now = {} if path is None else _flat(tomllib.loads(path.read_text(encoding="utf-8")))
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, value in values.items():
        if isinstance(value, dict):
            flat |= {f"[{section}] {name}": each for name, each in value.items()}
        else:
            flat[f"[[{section}]]"] = value
    return flat


def _has(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
