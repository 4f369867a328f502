"""The copy of an SQLite ledger that a migration keeps beside it: the way back to the program before
it.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from ich_node.errors import SpoolFull, Unavailable

PAGES_AT_ONCE = 10_000


def path_of_copy(ledger: Path, schema: str) -> Path:
    """Where the ledger as it was with this schema is kept."""
    return ledger.with_name(f"{ledger.name}.before-migrating-{schema}")


def needed_bytes(ledger: Path) -> int:
    """For the copy, and for what the migration writes before it is committed: once the ledger
    each.
    """
    wal = ledger.with_name(f"{ledger.name}-wal")
    return 2 * sum(path.stat().st_size for path in (ledger, wal) if path.exists())


def require_room(ledger: Path) -> None:
    """Raises SpoolFull."""
    needed, free = needed_bytes(ledger), shutil.disk_usage(ledger.parent).free
    if free < needed:
        raise SpoolFull(
            f"the migration of {ledger} needs {_megabytes(needed)}, half of it for a copy of the"
            f" ledger as it was, and {_megabytes(free)} are free; nothing was changed.\nMake room,"
            " or run `ich-node migrate --no-copy`, with a backup elsewhere"
        )


def keep_copy(ledger: Path, schema: str) -> Path:
    """A copy of what is committed; whole when it has its name, readable by this user only. It
    replaces one of an earlier migration from the same schema.

    Raises SpoolFull if there is no room, Unavailable if it cannot be written.
    """
    require_room(ledger)
    path = path_of_copy(ledger, schema)
    reading_only = f"file:{quote(str(ledger.absolute()))}?mode=ro"
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with (
            closing(sqlite3.connect(reading_only, uri=True)) as source,
            closing(sqlite3.connect(temporary)) as target,
        ):
            source.backup(target, pages=PAGES_AT_ONCE)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            temporary.unlink()
        raise Unavailable(f"cannot keep a copy of the ledger as {path}: {error}") from error
    return path


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB"
