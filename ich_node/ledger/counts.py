"""What the processes have counted since the ledger was made.

A process counts in memory (`Tally`), and its heartbeat thread adds to the ledger what came since
the last beat. A process that is killed loses the counts of a few seconds; nothing is counted twice.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import counts
from ich_node.ledger.upsert import insert_or

ASSOCIATIONS = "associations"  # result, reason, source
INSTANCES = "instances"  # source
INSTANCES_REFUSED = "instances_refused"  # source, status
SERIES = "series"  # outcome, reason
DELIVERIES = "deliveries"  # destination
SEND_FAILURES = "send_failures"  # destination
INFERENCE_SECONDS = "inference_seconds"
RECEIVE_TO_RESULT_SECONDS = "receive_to_result_seconds"

# Upper ends of the histograms' buckets, in seconds.
BUCKETS: Mapping[str, Sequence[float]] = {
    INFERENCE_SECONDS: (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    RECEIVE_TO_RESULT_SECONDS: (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400),
}
LE, SUM = "le", "sum"
MOST_KINDS = 5000  # of one process: a bug must not fill the ledger

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A number that only grows. A histogram is one of them for each bucket, with the label `le`,
    how many values lie in it and in none below, and one with the label `sum`.
    """

    name: str
    labels: Mapping[str, str]
    value: float


class Tally:
    """Of one process; its threads may count at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Key, float] = {}

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """labels: few values each, never of a patient."""
        self._add(key_of(name, **labels), by)

    def observe(self, name: str, value: float) -> None:
        """A value of a histogram, one of BUCKETS."""
        end = next((end for end in BUCKETS[name] if value <= end), inf)
        self._add(key_of(name, **{LE: end_name(end)}), 1)
        self._add(key_of(name, **{SUM: SUM}), max(0.0, value))

    def take(self) -> dict[Key, float]:
        """What was counted since the last time."""
        with self._lock:
            taken, self._values = self._values, {}
        return taken

    def give_back(self, taken: Mapping[Key, float]) -> None:
        """It could not be added to the ledger."""
        for key, value in taken.items():
            self._add(key, value)

    def _add(self, key: Key, by: float) -> None:
        with self._lock:
            if key in self._values or len(self._values) < MOST_KINDS:
                self._values[key] = self._values.get(key, 0) + by


def end_name(end: float) -> str:
    """Of a bucket, in the label `le`."""
    return f"{end:g}"


def key_of(name: str, **labels: str) -> Key:
    return name, json.dumps(labels, sort_keys=True)


def add_counts(connection: sa.Connection, taken: Mapping[Key, float]) -> None:
    """Within another change: counted if that is made, and only then."""
    statement = insert_or(connection, counts)
    # in one order, so that two processes do not wait for each other
    rows = [
        {"name": name, "labels": labels, "value": value}
        for (name, labels), value in sorted(taken.items())
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=("name", "labels"),
            set_={"value": counts.c.value + statement.excluded.value},
        ),
        rows,
    )


class CountLedger:
    """One row for each name and set of labels."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def add(self, taken: Mapping[Key, float]) -> None:
        """What `Tally.take` gave."""
        if taken:
            with self._database.write() as connection:
                add_counts(connection, taken)

    def all(self) -> list[Counted]:
        query = sa.select(counts).order_by(counts.c.name, counts.c.labels)
        with self._database.read() as connection:
            return [
                Counted(name=row.name, labels=json.loads(row.labels), value=row.value)
                for row in connection.execute(query)
            ]
