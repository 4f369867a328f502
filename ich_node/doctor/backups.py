"""When the last backup was made."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ich_node.doctor.complaint import Complaint
from ich_node.ledger import Ledger
from ich_node.ledger.measurements import BACKUP

OLD = timedelta(days=8)  # who makes one each week is late by a day


def about_backups(ledger: Ledger, now: datetime) -> Iterator[Complaint]:
    """Who has never made one may copy the machine otherwise. Raises Unavailable."""
    last = ledger.measurements.newest(BACKUP)
    if last is not None and now - last.at > OLD:
        yield Complaint(
            sentence=f"The last whole backup is {(now - last.at).days} days old.",
            remedy="`systemctl list-timers ich-node-backup.timer` says whether one is made each"
            " night (docs/backup.md).",
        )


def last_backup(ledger: Ledger) -> str:
    """Raises Unavailable."""
    last = ledger.measurements.newest(BACKUP)
    if last is None:
        return "none was made yet (docs/backup.md)"
    return f"the last whole one: {last.at:%Y-%m-%d %H:%M} UTC, in {last.facts.get('folder')}"
