"""Retention: what was read and delivered is removed after its time, or when the disk fills; nothing
else ever is.
"""

from datetime import UTC, datetime, timedelta

import pytest

from ich_node.errors import ConfigError
from tests.support.maintaining import DAY, HOUR, MINUTE, MaintainedNode, files_removed


def test_what_was_delivered_is_removed_after_its_time(node: MaintainedNode) -> None:
    """Not a day before; the job, its events and the UIDs of its results stay."""
    job_id = node.deliver()
    node.age()
    node.clock.now += 7 * DAY
    assert files_removed(node.maintenance()) == 0
    node.clock.now += MINUTE
    assert files_removed(node.maintenance()) == 1
    assert node.files() == []
    assert node.ledger.operator.events(job_id)[-1].event == "swept"
    assert len(node.ledger.operator.results(job_id)) == 1
    assert files_removed(node.maintenance()) == 0


def test_long_after_its_files_the_rows_of_a_series_are_removed(node: MaintainedNode) -> None:
    """A year after the sweep nothing of the series is in the ledger; what is owed to a destination
    stays for ever.
    """
    swept, owed = node.deliver(series=1), node.deliver(series=2, state="FAILED")
    node.age()
    node.clock.now += 8 * DAY
    maintenance = node.maintenance()
    assert files_removed(maintenance) == 1
    node.clock.now += 365 * DAY
    maintenance.run_due()
    operator = node.ledger.operator
    assert operator.get(swept) is not None
    node.clock.now += MINUTE
    assert maintenance.run_due()["prune_ledger"] == 1
    assert (operator.get(swept), operator.events(swept), operator.results(swept)) == (None, [], [])
    assert operator.get(owed) is not None


@pytest.mark.parametrize("state", ["PENDING", "SENDING", "STORED", "FAILED"])
def test_what_is_owed_is_never_swept(node: MaintainedNode, state: str) -> None:
    """Not yet sent, being sent, not yet committed, given up (a person may retry it): it stays,
    however old it is and however full the disk.
    """
    node.deliver(state=state)
    node.age()
    node.clock.now += 1000 * DAY
    assert files_removed(node.maintenance(watermark_percent=0.001)) == 0
    assert len(node.files()) == 1


def test_a_series_that_is_not_read_yet_is_never_swept(node: MaintainedNode) -> None:
    """One revision is done, the next one waits: everything stays."""
    node.deliver()
    node.add_object(7)
    node.age()
    node.clock.now += 1000 * DAY
    assert files_removed(node.maintenance(watermark_percent=0.001)) == 0
    assert len(node.files()) == 2


def test_above_the_watermark_the_oldest_delivered_series_are_removed_first(
    node: MaintainedNode,
) -> None:
    """Well before their time; but nothing of the last hour, and no failed job."""
    for series in range(1, 9):
        node.deliver(series=series)
        node.clock.now += timedelta(minutes=15)
    node.add_object(1, series=99)
    node.ledger.reading.fail(
        node.claim(), now=node.clock.now, reason="bug", detail="", retry_at=None
    )
    node.age()
    maintenance = node.maintenance(watermark_percent=0.001)
    assert files_removed(maintenance) == 4  # of 120 minutes the last 60 are spared
    node.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 4
    assert len(node.files()) == 1


def test_bytes_that_another_series_needs_stay(node: MaintainedNode) -> None:
    """Two series share the bytes of an object; one is swept."""
    node.deliver(series=1)
    node.add_object(5, series=1)
    node.refuse()
    node.add_object(5, series=2)
    node.age()
    node.clock.now += 8 * DAY
    assert files_removed(node.maintenance()) == 1
    assert len(node.files()) == 1


def test_a_resend_after_the_sweep_is_read_anew(node: MaintainedNode) -> None:
    """The same bytes are new again, in a new revision; no row names a file that was removed."""
    node.deliver()
    node.add_object(3)
    node.refuse()
    node.age()
    node.clock.now += 8 * DAY
    node.maintenance().run_due()
    node.add_object(3)
    operator = node.ledger.operator
    newest = operator.list()[0]
    assert newest.revision == 3
    instances = node.ledger.reading.instances(newest)
    assert [node.spool.read(instance.path) for instance in instances] == [b"3"]
    with pytest.raises(ConfigError, match="the files of job 2 were removed after their time"):
        operator.retry(2, now=node.clock.now)


def test_what_arrives_again_while_it_is_swept_is_kept(node: MaintainedNode) -> None:
    """After the ledger forgot the file and before it is removed, the same bytes arrive again."""
    node.deliver()
    arrived = node.add_object(3)
    node.refuse()
    node.age()
    node.clock.now = datetime.now(UTC)
    ledger = node.ledger.maintenance
    paths = ledger.sweep_series(
        idle_since=node.clock.now, failed_too=True, limit=9, now=node.clock.now
    )
    assert arrived.path in paths
    node.spool.put(b"3")  # written, not yet in the ledger
    assert arrived.path in ledger.unreferenced(paths)
    assert not node.spool.remove(arrived.path, last_put=(node.clock.now - HOUR).timestamp())
    assert node.spool.read(arrived.path) == b"3"
