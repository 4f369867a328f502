"""Removes files of the spool that the ledger does not need."""

import itertools
from collections.abc import Iterable, Iterator
from datetime import timedelta

from ich_node.ledger import MaintenanceLedger
from ich_node.spool import Spool

# A process that put the same bytes within this time may be about to write their row.
UNTOUCHED_FOR = timedelta(hours=1)
MOST_PATHS = 500  # in one query

# The path, and the latest time of its last `put` at which it may still be removed: seconds since
# 1970 by the clock of the files.
File = tuple[str, float]


def remove_unreferenced(files: Iterable[File], *, ledger: MaintenanceLedger, spool: Spool) -> int:
    """How many files are gone. Raises Unavailable."""
    return sum(
        spool.remove(path, last_put=last_put)
        for path, last_put in unreferenced(files, ledger=ledger)
    )


def unreferenced(files: Iterable[File], *, ledger: MaintenanceLedger) -> list[File]:
    """Those of the files that no row of the ledger names. Raises Unavailable."""
    found: list[File] = []
    for batch in _batches(files):
        free = ledger.unreferenced([path for path, _ in batch])
        found += [file for file in batch if file[0] in free]
    return found


def _batches(files: Iterable[File]) -> Iterator[tuple[File, ...]]:
    rest = iter(files)
    while batch := tuple(itertools.islice(rest, MOST_PATHS)):
        yield batch
