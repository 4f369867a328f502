"""Files that no row of the ledger names: what a crash left.

Such a file may also be one that is just being received or written. By its age alone the two cannot
be told apart, since the system clock may have been set forward. So a search, once a day, only
remembers these files. They are removed an hour later, measured by a clock that nobody can set, if
by then still no row names them and nobody has put the same bytes again.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from ich_node.ledger import MaintenanceLedger
from ich_node.maintenance.removal import UNTOUCHED_FOR, File, remove_unreferenced, unreferenced
from ich_node.spool import Spool

SEARCH_EVERY = timedelta(days=1)
# A search goes on in the next run, so that no run takes minutes, however many files there are.
FILES_IN_ONE_RUN = 20_000


class OrphanSearch:
    """ticks: seconds that nobody can set (time.monotonic)."""

    def __init__(
        self,
        *,
        ledger: MaintenanceLedger,
        spool: Spool,
        ticks: Callable[[], float],
        files_in_one_run: int = FILES_IN_ONE_RUN,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._ticks = ticks
        self._files_in_one_run = files_in_one_run
        self._next_search_at_tick = ticks()
        self._files: Iterator[File] | None = None  # those that the search has still to look at
        # each with the tick from which it may be removed
        self._suspects: deque[tuple[float, list[File]]] = deque()

    def run(self, _now: datetime) -> int:
        """Remove what was found an hour ago, and search on; how many files were removed. Raises
        Unavailable.
        """
        removed = self._remove_suspects()
        self._search()
        return removed

    def _remove_suspects(self) -> int:
        removed = 0
        while self._suspects and self._suspects[0][0] <= self._ticks():
            _, files = self._suspects[0]
            removed += remove_unreferenced(files, ledger=self._ledger, spool=self._spool)
            self._suspects.popleft()
        return removed

    def _search(self) -> None:
        if self._files is None:
            if self._ticks() < self._next_search_at_tick:
                return
            self._next_search_at_tick = self._ticks() + SEARCH_EVERY.total_seconds()
            self._files = self._spool.objects()
        portion = list(itertools.islice(self._files, self._files_in_one_run))
        if len(portion) < self._files_in_one_run:
            self._files = None
        if suspects := unreferenced(portion, ledger=self._ledger):
            removable_from = self._ticks() + UNTOUCHED_FOR.total_seconds()
            self._suspects.append((removable_from, suspects))
