"""The second and every later object of a series is recorded by the driver itself: its values,
errors and transactions are those of all other writes.
"""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
import sqlalchemy as sa

from ich_node.errors import SpoolFull
from tests.support.ledger_examples import MAX_WAIT, QUIET, T0, add, instance


def recorded(ledger) -> list[str]:
    return [each.sop_instance_uid for each in ledger.operator.instances(ledger.operator.list()[0])]


def test_what_is_written_is_read_back_as_it_was(ledger):
    """Times of another zone, orientation and position."""
    given = instance(
        2,
        at=T0.astimezone(timezone(timedelta(hours=5))),
        orientation="1.00\\0.00",
        position_mm=-12.5,
    )
    add(ledger, 1)
    ledger.receiving.add(given, ready_at=T0, max_wait=MAX_WAIT)
    (job,) = ledger.operator.list()
    assert ledger.operator.instances(job) == [instance(1), given]
    assert (job.last_received_at, job.ready_at) == (T0, T0)


def test_a_value_that_cannot_be_written_keeps_nothing(ledger):
    """Neither the object nor the growth of its job; the connection serves the next one."""
    add(ledger, 1)
    (before,) = ledger.operator.list()
    naive = replace(instance(2), received_at=T0.replace(tzinfo=None))
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.receiving.add(naive, ready_at=T0 + QUIET, max_wait=MAX_WAIT)
    assert ledger.operator.list() == [before]
    add(ledger, 3)
    assert recorded(ledger) == ["2.25.1.1", "2.25.1.3"]


def test_a_driver_that_fails_is_explained(sqlite_ledger):
    """A full disk is SpoolFull, as everywhere; what was acknowledged is kept."""
    with sqlite_ledger.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    @sa.event.listens_for(sqlite_ledger.database.engine, "checkout")
    def limit(connection, *_):
        connection.execute(f"PRAGMA max_page_count = {pages + 8}")

    acknowledged = []

    def add_until_full() -> None:
        for number in range(1000):
            add(sqlite_ledger, number)
            acknowledged.append(f"2.25.1.{number}")

    with pytest.raises(SpoolFull, match="the ledger has no room"):
        add_until_full()
    assert len(acknowledged) > 1
    assert recorded(sqlite_ledger) == acknowledged
