"""Files of the spool without a row in the ledger, and rows without their file."""

from collections.abc import Iterator
from datetime import datetime

from ich_node.doctor.complaint import Complaint
from ich_node.health.amounts import size
from ich_node.ledger import Ledger
from ich_node.maintenance.removal import UNTOUCHED_FOR, unreferenced
from ich_node.spool import Spool

SHOWN = 3
# `send` looks for such files once a day, and removes them an hour later.
REMOVED_WITHIN = "`send` removes them within a day; does it run?"
AT_ONCE = 5000


def about_orphans(ledger: Ledger, spool: Spool, now: datetime) -> Iterator[Complaint]:
    """What was put within the last hour may be about to get its row. Raises Unavailable."""
    young = (now - UNTOUCHED_FOR).timestamp()
    old = (file for file in spool.objects() if file[1] < young)
    found = unreferenced(old, ledger=ledger.maintenance)
    if found:
        amount = size(sum(_size(spool, path) for path, _ in found))
        one = len(found) == 1
        are = "1 file of the spool belongs" if one else f"{len(found):,} files of the spool belong"
        yield Complaint(
            sentence=f"{are} to nothing in the ledger: what a crash left ({amount}).",
            remedy=REMOVED_WITHIN,
        )


def about_missing_files(ledger: Ledger, spool: Spool) -> Iterator[Complaint]:
    """What the ledger says is there, and is not, or not whole: this was lost. Raises
    Unavailable.
    """
    missing = [
        kept.path
        for portion in ledger.maintenance.kept_files(at_once=AT_ONCE)
        for kept in portion
        if not spool.holds(kept.path, kept.size_bytes)
    ]
    # the node works on: what it has removed meanwhile is not missing
    removed = {
        path for path, _ in unreferenced([(path, 0) for path in missing], ledger=ledger.maintenance)
    }
    lost = [path for path in missing if path not in removed]
    if lost:
        shown = ", ".join(lost[:SHOWN]) + (", ..." if len(lost) > SHOWN else "")
        are = "is" if len(lost) == 1 else "are"
        files = "1 file" if len(lost) == 1 else f"{len(lost):,} files"
        yield Complaint(
            sentence=f"{files} that the ledger names {are} missing from the spool"
            f" {spool.folder}, or not whole: {shown}.",
            remedy="Restore the spool from a backup (docs/backup.md), or send the series again.",
        )


def _size(spool: Spool, path: str) -> int:
    try:
        return spool.absolute(path).stat().st_size
    except FileNotFoundError:  # it was removed meanwhile
        return 0
