"""A task, once an hour: whether the scores of the last days lie where they lay before. It takes
scipy and some seconds in a large ledger; who asks for troubles and metrics gets the last result.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ich_node.ledger import Ledger
from ich_node.ledger.measurements import DRIFT

EVERY = timedelta(hours=1)
DAYS = 30  # as `ich-node statistics` takes without --days
References = Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class DriftTask:
    """references: the scores that the bundle that reads now has with it, by its hash."""

    ledger: Ledger
    references: Callable[[], References]

    def run(self, now: datetime) -> int:
        """Keep the comparison in the ledger; 0: it changes nothing. Raises Unavailable."""
        from ich_node.statistics.figures import compared_scores

        with self.ledger.statistics.view() as view:
            compared = compared_scores(
                view, since=now - timedelta(days=DAYS), until=now, references=self.references()
            )
        found = compared.drift
        facts: dict[str, Any] = {
            "bundle_sha256": compared.bundle_sha256,
            "has_drifted": found.has_drifted,
            "shift": _number(found.shift),
            "series": found.recent,
            "series_before": found.earlier,
            "median_recent": _number(found.median_recent),
            "median_earlier": _number(found.median_earlier),
            "way": "higher" if found.median_recent >= found.median_earlier else "lower",
            "since": now.isoformat(),
        }
        before = self.ledger.measurements.newest(DRIFT)
        if before and found.has_drifted and _is_the_same(before.facts, facts):
            facts["since"] = before.facts["since"]
        self.ledger.measurements.keep(DRIFT, facts, now=now)
        return 0


def _is_the_same(before: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return bool(before["has_drifted"]) and before["bundle_sha256"] == facts["bundle_sha256"]


def _number(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else round(value, 4)
