"""In a ledger with many jobs each query finds its rows by an index."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.ledger_growth import fill
from ich_node.ledger import open_ledger
from ich_node.ledger.claims import ANY_AGAIN, TURNS, WHOSE_TURN, _longest_ready, claim_times
from ich_node.ledger.delivery import _due, _urgent_first
from ich_node.ledger.previews import GROWN
from ich_node.ledger.retention import ENDED, _prunable, _sweepable
from ich_node.ledger.tables import deliveries
from ich_node.ledger.telling import DUE, OVERDUE
from tests.ledger.conftest import BACKENDS
from tests.support.ledger_examples import T0, add, claim, finish

ENDED_JOBS = 3_000
# What may be read to its end: a row for each target, a constant, what a query found before, an
# index of few jobs. "SCAN jobs USING INDEX" of another index reads all jobs, too.
SMALL = (" pauses", " CONSTANT", " anon_", " ix_jobs_unswept")
QUERIES: dict[str, Callable[[datetime], Any]] = {
    "whose turn": lambda now: WHOSE_TURN.params(claim_times(now)),
    "claim": lambda now: _longest_ready(TURNS[4]).params(claim_times(now)),
    "again": lambda now: ANY_AGAIN.params(now=now),
    "a preview": lambda now: GROWN.params(now=now),
    "due deliveries": lambda now: (
        _due(deliveries.c.id, first=_urgent_first({})).limit(1).params(now=now)
    ),
    "to sweep": lambda now: _sweepable(ENDED, now).limit(20),
    "to tell": lambda now: DUE.params(long_ago=now, limit=20),
    "overdue": lambda now: OVERDUE.params(long_ago=now, limit=20),
    "to prune": lambda now: _prunable(now - timedelta(days=3650)).limit(1),
}


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request, new_ledger):
    """The ledger of a node that has run for years, with statistics; three series have just arrived,
    and one was read. The tests only ask it.
    """
    url = new_ledger(request.param)
    ledger = open_ledger(url)
    engine = sa.create_engine(url)
    fill(engine, ENDED_JOBS)
    for number in range(3):
        add(ledger, series=f"2.25.1{number}")
    finish(ledger, claim(ledger))
    ledger.dispose()
    yield engine
    engine.dispose()


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_reads_a_whole_table(engine, query):
    """EXPLAIN names an index for every step in jobs and deliveries."""
    statement = QUERIES[query](T0 + timedelta(minutes=1)).compile(
        engine, compile_kwargs={"literal_binds": True}
    )
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        rows = connection.execute(sa.text(f"{explain} {statement}".replace(":", "\\:"))).all()
    plan = [str(row.detail if is_sqlite else row[0]) for row in rows]
    whole = [
        step
        for step in plan
        if ("SCAN " in step or "Seq Scan" in step) and not any(small in step for small in SMALL)
    ]
    assert not whole, "\n".join(plan)
    assert any("jobs" in step or "deliveries" in step for step in plan)


def test_a_query_without_an_index_is_noticed(engine):
    """The test above would fail."""
    with engine.connect() as connection:
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        plan = str(
            connection.execute(
                sa.text(f"{explain} SELECT id FROM jobs WHERE lease_owner = 'ct'")
            ).all()
        )
    assert "SCAN jobs" in plan or "Seq Scan" in plan
