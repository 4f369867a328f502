"""Who can read and write what the node keeps: patients' images, keys, passwords."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ich_node.backup.named_files import named_files
from ich_node.config.config import Config
from ich_node.config.places import sqlite_file
from ich_node.config.users import me, whose
from ich_node.doctor.complaint import Complaint
from ich_node.service import places

OTHERS = stat.S_IRWXO
# What these settings name is no secret: certificates are shown to every peer.
PUBLIC = (" certificate", " ca")


def about_rights(config: Config, config_path: Path | None) -> Iterator[Complaint]:
    """As far as this user sees them."""
    ledger = sqlite_file(config.database.url)
    yield from _patients_are_private(config.spool.path, "objects with patients")
    if ledger is not None:
        yield from _patients_are_private(ledger, "the ledger")
    if config_path is not None:
        yield from _nobody_else_writes(config_path)
    for named in named_files(config):
        if named.path.exists():
            if not named.setting.endswith(PUBLIC):
                yield from _secret_is_private(named.path, named.setting)
            yield from _can_be_read(named.path, named.setting)
    for path in filter(None, (config.spool.path, ledger)):
        yield from _belongs_to_us(path)


def _patients_are_private(path: Path, what: str) -> Iterator[Complaint]:
    """A folder above that is closed is enough."""
    if path.exists() and not _is_closed(path):
        yield Complaint(
            sentence=f"Every user of this machine can read {path}: {what}.",
            remedy=f"chmod -R o= {path}",
        )


def _secret_is_private(path: Path, setting: str) -> Iterator[Complaint]:
    if path.is_file() and not _is_closed(path):
        yield Complaint(
            sentence=f"Every user of this machine can read {path} ({setting}).",
            remedy=f"chmod o= {path}",
        )


def _can_be_read(path: Path, setting: str) -> Iterator[Complaint]:
    if not os.access(path, os.R_OK):
        yield Complaint(
            sentence=f"{me()} may not read {path} ({setting}){whose(path)}.",
            remedy=f"chown root:{me()} {path} && chmod 640 {path}"
            if path.is_relative_to(places.CONFIG_FOLDER)
            else f"chown {me()}: {path} && chmod 600 {path}",
        )


def _nobody_else_writes(path: Path) -> Iterator[Complaint]:
    if path.exists() and path.stat().st_mode & stat.S_IWOTH:
        yield Complaint(
            sentence=f"Every user of this machine can write {path}: who gets results.",
            remedy=f"chmod o= {path}",
        )


def _is_closed(path: Path) -> bool:
    """To all but its user and group: by its own mode, or by that of a folder above it."""
    if not path.stat().st_mode & OTHERS:
        return True
    return any(not folder.stat().st_mode & stat.S_IXOTH for folder in path.absolute().parents)


def _belongs_to_us(path: Path) -> Iterator[Complaint]:
    """The services run as one user, and this command as the same."""
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield Complaint(
            sentence=f"{me()} may not write {path}{whose(path)}.",
            remedy="Run this as the user of the services (the installed `ich-node` does so); if you"
            f" have: chown -R {me()}: {path}",
        )
