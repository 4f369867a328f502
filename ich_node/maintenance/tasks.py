"""Every task of maintenance, with its name and its period."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ich_node.config.settings import SpoolSettings
from ich_node.ledger import MaintenanceLedger
from ich_node.maintenance.clock_watch import ClockWatch
from ich_node.maintenance.loop import Task
from ich_node.maintenance.orphans import OrphanSearch
from ich_node.maintenance.retention import Retention
from ich_node.spool import Spool

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
MOST_JOBS = 200  # pruned in one transaction: the receiver writes to the same ledger
# A late slice, or an analyser that takes over a job, comes within this time.
KEEP_ANSWERS_FOR = timedelta(hours=1)


def housekeeping(
    *,
    ledger: MaintenanceLedger,
    spool: Spool,
    settings: SpoolSettings,
    keep_days: float,
    longest_wait: timedelta,
    clock: Callable[[], datetime],
    ticks: Callable[[], float] = time.monotonic,
    more: Sequence[Task] = (),
    always: Sequence[Task] = (),
) -> list[Task]:
    """keep_days: the rows of a series stay for this long after its files were removed.

    longest_wait: the longest wait that any setting gives; a longer one comes from a clock that was
    set back since. ticks: seconds that nobody can set. more: other tasks that judge by age. always:
    tasks that run also while ages are not reliable.
    """
    clock_watch = ClockWatch(now=clock(), ticks=ticks)
    retention = Retention(ledger=ledger, spool=spool, settings=settings)
    orphans = OrphanSearch(ledger=ledger, spool=spool, ticks=ticks)

    def shorten_waits(now: datetime) -> int:
        return ledger.shorten_waits(now=now, longest=longest_wait)

    def notice_clock_moves(now: datetime) -> int:
        return shorten_waits(now) if clock_watch.notice_move(now) else 0

    def prune_ledger(now: datetime) -> int:
        return ledger.prune(swept_before=now - timedelta(days=keep_days), limit=MOST_JOBS)

    def forget_answers(now: datetime) -> int:
        return ledger.forget_answers(made_before=now - KEEP_ANSWERS_FOR)

    def by_age(run: Callable[[datetime], int]) -> Callable[[datetime], int]:
        """A task that judges by age waits while ages are not reliable."""
        return lambda now: run(now) if clock_watch.ages_are_reliable(now) else 0

    return [
        Task(name="notice_clock_moves", every=SECOND, run=notice_clock_moves),
        # also for a clock that was set while this process did not run
        Task(name="shorten_waits", every=MINUTE, run=shorten_waits),
        Task(name="sweep_spool_by_retention", every=MINUTE, run=by_age(retention.sweep_old)),
        Task(name="sweep_spool_at_watermark", every=MINUTE, run=by_age(retention.sweep_for_room)),
        Task(name="remove_files_without_row", every=MINUTE, run=orphans.run),
        Task(name="prune_ledger", every=MINUTE, run=by_age(prune_ledger)),
        Task(name="forget_network_answers", every=MINUTE, run=by_age(forget_answers)),
        *(replace(task, run=by_age(task.run)) for task in more),
        *always,
    ]
