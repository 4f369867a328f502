"""Statistics, which take seconds in a large ledger: they are counted beside the pages."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ich_node.errors import IchNodeError
from ich_node.statistics.figures import Statistics

FRESH = timedelta(minutes=10)
AGAIN = timedelta(seconds=30)  # after they could not be counted


@dataclass(frozen=True, kw_only=True)
class Figures:
    """statistics: the last ones; None: none yet. tried_at: when they were last begun; counted_at:
    when those that are shown were. problem: why they could not be counted.
    """

    statistics: Statistics | None = None
    tried_at: datetime | None = None
    counted_at: datetime | None = None
    is_counting: bool = False
    problem: str = ""


NOTHING = Figures()


class CountedStatistics:
    """The last statistics over so many days each; new ones are begun when somebody asks for them
    and the old ones are no longer fresh.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[int, Figures] = {}

    def get(self, days: int, count: Callable[[int], Statistics], *, now: datetime) -> Figures:
        """At once; count: takes seconds, and may raise IchNodeError."""
        with self._lock:
            found = self._counted.get(days, NOTHING)
            lasts = AGAIN if found.problem else FRESH
            if found.is_counting or (found.tried_at is not None and now < found.tried_at + lasts):
                return found
            found = self._counted[days] = replace(found, is_counting=True, tried_at=now)
        threading.Thread(
            target=self._count, args=(days, count, now), name="statistics", daemon=True
        ).start()
        return found

    def _count(self, days: int, count: Callable[[int], Statistics], now: datetime) -> None:
        problem, statistics = "", None
        try:
            statistics = count(days)
        except IchNodeError as error:
            problem = error.detail
        finally:
            with self._lock:
                before = self._counted[days]
                self._counted[days] = Figures(
                    statistics=statistics or before.statistics,
                    tried_at=now,
                    counted_at=now if statistics else before.counted_at,
                    problem=problem,
                )
