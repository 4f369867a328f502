"""What goes to the driver directly behaves as what goes through SQLAlchemy: values, errors, locks."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta, timezone

import pytest
import sqlalchemy as sa

from ich_node.ledger import open_ledger
from ich_node.ledger.driver import Prepared, transaction
from ich_node.ledger.receiving import INSERT_NEW
from tests.support.ledger_examples import T0, add, instance


@pytest.fixture
def engine(ledger) -> sa.Engine:
    return ledger.database.engine


def insert(engine: sa.Engine, numbers: Iterable[int]) -> None:
    """Objects of the series' first revision, in one transaction."""
    statement = Prepared(INSERT_NEW, engine.dialect)
    with transaction(engine) as cursor:
        for number in numbers:
            statement.execute(cursor, {**vars(instance(number)), "revision": 1})


def broken() -> Iterator[int]:
    yield 2
    raise ZeroDivisionError


def test_what_is_written_is_read_back_as_it_was(ledger):
    """The second object of a series takes the short way; a time of another zone, an orientation and
    a place come back.
    """
    given = instance(
        2,
        at=T0.astimezone(timezone(timedelta(hours=5))),
        orientation="1.00\\0.00",
        position_mm=-12.5,
    )
    add(ledger, 1)
    ledger.receiving.add(given, ready_at=T0, max_wait=timedelta(minutes=15))
    (job,) = ledger.operator.list()
    assert ledger.operator.instances(job) == [instance(1), given]
    assert (job.last_received_at, job.ready_at) == (T0, T0)


def test_an_error_is_that_of_sqlalchemy_and_nothing_is_kept(ledger, engine):
    """Who adds to a series tells a collision with another receiver from all else."""
    add(ledger)
    with pytest.raises(sa.exc.IntegrityError):
        insert(engine, [2, 1])
    assert [
        each.sop_instance_uid for each in ledger.operator.instances(ledger.operator.list()[0])
    ] == ["2.25.1.1"]


def test_a_bug_in_between_keeps_nothing_either(ledger, engine):
    """And the connection serves the next one."""
    add(ledger)
    with pytest.raises(ZeroDivisionError):
        insert(engine, broken())
    add(ledger, 3)
    assert [
        each.sop_instance_uid for each in ledger.operator.instances(ledger.operator.list()[0])
    ] == [
        "2.25.1.1",
        "2.25.1.3",
    ]


def test_the_patience_of_a_connection_stays_what_it_was(sqlite_url):
    """It is asked for at each turn, and set to nothing in between."""
    with closing(
        open_ledger(sqlite_url, busy_seconds=0.05).database.engine.raw_connection()
    ) as connection:
        patience = "PRAGMA busy_timeout"
        assert connection.cursor().execute(patience).fetchone() == (50,)
    ledger = open_ledger(sqlite_url, busy_seconds=0.05)
    other = open_ledger(sqlite_url)
    with (
        other.database.write(),
        pytest.raises(sa.exc.OperationalError, match="locked"),
        transaction(ledger.database.engine),
    ):
        pass
    with transaction(ledger.database.engine) as cursor:
        assert cursor.execute(patience).fetchone() == (50,)
    for each in (ledger, other):
        each.dispose()
