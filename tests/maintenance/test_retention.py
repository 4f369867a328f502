"""Retention: what was read and delivered is removed after its time, or when the disk fills; nothing
else ever is.
"""

from datetime import UTC, datetime, timedelta

import pytest

from ich_node.errors import ConfigError
from tests.support.housekeeping import DAY, HOUR, MINUTE, House, files_removed


def test_what_was_delivered_is_removed_after_its_time(house: House) -> None:
    """Not a day before; the job, its events and the UIDs of its results stay."""
    job_id = house.deliver()
    house.age()
    house.clock.now += 7 * DAY
    assert files_removed(house.maintenance()) == 0
    house.clock.now += MINUTE
    assert files_removed(house.maintenance()) == 1
    assert house.files() == []
    assert house.ledger.operator.events(job_id)[-1].event == "swept"
    assert len(house.ledger.operator.results(job_id)) == 1
    assert files_removed(house.maintenance()) == 0


def test_long_after_its_files_the_rows_of_a_series_are_removed(house: House) -> None:
    """A year after the sweep nothing of the series is in the ledger; what is owed to a destination
    stays for ever.
    """
    swept, owed = house.deliver(series=1), house.deliver(series=2, state="FAILED")
    house.age()
    house.clock.now += 8 * DAY
    maintenance = house.maintenance()
    assert files_removed(maintenance) == 1
    house.clock.now += 365 * DAY
    maintenance.run_due()
    operator = house.ledger.operator
    assert operator.get(swept) is not None
    house.clock.now += MINUTE
    assert maintenance.run_due()["prune_ledger"] == 1
    assert (operator.get(swept), operator.events(swept), operator.results(swept)) == (None, [], [])
    assert operator.get(owed) is not None


@pytest.mark.parametrize("state", ["PENDING", "SENDING", "STORED", "FAILED"])
def test_what_is_owed_is_never_swept(house: House, state: str) -> None:
    """Not yet sent, being sent, not yet committed, given up (a person may retry it): it stays,
    however old it is and however full the disk.
    """
    house.deliver(state=state)
    house.age()
    house.clock.now += 1000 * DAY
    assert files_removed(house.maintenance(watermark_percent=0.001)) == 0
    assert len(house.files()) == 1


def test_a_series_that_is_not_read_yet_is_never_swept(house: House) -> None:
    """One revision is done, the next one waits: everything stays."""
    house.deliver()
    house.add_object(7)
    house.age()
    house.clock.now += 1000 * DAY
    assert files_removed(house.maintenance(watermark_percent=0.001)) == 0
    assert len(house.files()) == 2


def test_above_the_watermark_the_oldest_delivered_series_are_removed_first(house: House) -> None:
    """Well before their time; but nothing of the last hour, and no failed job."""
    for series in range(1, 9):
        house.deliver(series=series)
        house.clock.now += timedelta(minutes=15)
    house.add_object(1, series=99)
    house.ledger.reading.fail(
        house.claim(), now=house.clock.now, reason="bug", detail="", retry_at=None
    )
    house.age()
    maintenance = house.maintenance(watermark_percent=0.001)
    assert files_removed(maintenance) == 4  # of 120 minutes the last 60 are spared
    house.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 4
    assert len(house.files()) == 1


def test_bytes_that_another_series_needs_stay(house: House) -> None:
    """Two series share the bytes of an object; one is swept."""
    house.deliver(series=1)
    house.add_object(5, series=1)
    house.refuse()
    house.add_object(5, series=2)
    house.age()
    house.clock.now += 8 * DAY
    assert files_removed(house.maintenance()) == 1
    assert len(house.files()) == 1


def test_a_resend_after_the_sweep_is_read_anew(house: House) -> None:
    """The same bytes are new again, in a new revision; no row names a file that was removed."""
    house.deliver()
    house.add_object(3)
    house.refuse()
    house.age()
    house.clock.now += 8 * DAY
    house.maintenance().run_due()
    house.add_object(3)
    operator = house.ledger.operator
    newest = operator.list()[0]
    assert newest.revision == 3
    instances = house.ledger.reading.instances(newest)
    assert [house.spool.read(instance.path) for instance in instances] == [b"3"]
    with pytest.raises(ConfigError, match="the files of job 2 were removed after their time"):
        operator.retry(2, now=house.clock.now)


def test_what_arrives_again_while_it_is_swept_is_kept(house: House) -> None:
    """After the ledger forgot the file and before it is removed, the same bytes arrive again."""
    house.deliver()
    arrived = house.add_object(3)
    house.refuse()
    house.age()
    house.clock.now = datetime.now(UTC)
    ledger = house.ledger.maintenance
    paths = ledger.sweep_series(
        idle_since=house.clock.now, failed_too=True, limit=9, now=house.clock.now
    )
    assert arrived.path in paths
    house.spool.put(b"3")  # written, not yet in the ledger
    assert arrived.path in ledger.unreferenced(paths)
    assert not house.spool.remove(arrived.path, last_put=(house.clock.now - HOUR).timestamp())
    assert house.spool.read(arrived.path) == b"3"
