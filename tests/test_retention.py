"""Retention: what was read and delivered goes after its time, or when the disk fills; nothing else
ever does.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ich_node.config.settings import SpoolSettings
from ich_node.errors import ConfigError
from ich_node.ledger import Instance, JobState, Ledger, open_ledger
from ich_node.retention import SpoolRetention
from ich_node.spool import Spool, Stored
from tests.support.results import give_results, result_object

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONGEST_WAIT = timedelta(minutes=15)
BEGAN = datetime.now(UTC) - 30 * DAY  # files bear real times


@dataclass
class Clock:
    """now: goes on with the ticks that nobody sets; `put` sets it alone."""

    now: datetime = BEGAN
    put_by: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.now

    def ticks(self) -> float:
        return (self.now - self.put_by - BEGAN).total_seconds()

    def put(self, by: timedelta) -> None:
        self.now += by
        self.put_by += by


@dataclass(frozen=True, kw_only=True)
class Node:
    ledger: Ledger
    spool: Spool
    clock: Clock

    def sweeper(self, *, keep_days: float = 365, **settings: Any) -> SpoolRetention:
        kept = SpoolSettings(**{"watermark_percent": 100, **settings})
        return SpoolRetention(
            self.ledger.maintenance,
            self.spool,
            kept,
            self.clock,
            keep_days=keep_days,
            longest_wait=LONGEST_WAIT,
            ticks=self.clock.ticks,
        )

    def deliver(self, series: int = 1, state: str = "SENT") -> int:
        """A series whose one result came so far on its way; the job's number."""
        give_results(
            self.ledger, self.spool, [result_object(0, series=series)], ("pacs",), self.clock.now
        )
        if state != "PENDING":
            (delivery,) = self.ledger.delivery.claim_deliveries(
                owner="me", now=self.clock.now, lease=DAY, limit=9
            )
            held: dict[str, Any] = {"owner": "me", "now": self.clock.now}
            if state == "SENT":
                self.ledger.delivery.delivered([delivery.id], **held)
            elif state == "FAILED":
                self.ledger.delivery.give_up([delivery.id], **held, detail="away")
            elif state == "STORED":
                self.ledger.delivery.stored(
                    [delivery.id],
                    **held,
                    transaction_uid="2.25.1",
                    answer_by=self.clock.now + 90 * DAY,
                )
        return self.ledger.operator.list()[0].id

    def files(self) -> list[Path]:
        return sorted(
            self.spool.absolute("objects/00/" + "0" * 64 + ".dcm").parents[1].rglob("*.dcm")
        )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield Node(ledger=ledger, spool=Spool(tmp_path / "spool"), clock=Clock())
    ledger.dispose()


def age(node: Node) -> None:
    """Files bear the time of the machine: make them as old as the node's clock says."""
    for path in node.files():
        os.utime(path, (0, 0))


def test_what_was_delivered_goes_after_its_time(node: Node) -> None:
    """Not a day before; the job, its story and its results' UIDs stay."""
    job_id = node.deliver()
    age(node)
    node.clock.now += 7 * DAY
    assert node.sweeper().sweep_due() == 0
    node.clock.now += timedelta(minutes=1)
    assert node.sweeper().sweep_due() == 1
    assert node.files() == []
    assert node.ledger.operator.events(job_id)[-1].event == "swept"
    assert len(node.ledger.operator.results(job_id)) == 1
    assert node.sweeper().sweep_due() == 0


def test_long_after_its_files_a_story_goes_too(node: Node) -> None:
    """A year after the sweep nothing of the series is in the ledger; what is owed to somebody stays
    for ever.
    """
    swept, owed = node.deliver(series=1), node.deliver(series=2, state="FAILED")
    age(node)
    node.clock.now += 8 * DAY
    sweeper = node.sweeper()
    assert sweeper.sweep_due() == 1
    node.clock.now += 365 * DAY
    sweeper.sweep_due()
    assert node.ledger.operator.get(swept) is not None
    node.clock.now += timedelta(minutes=1)
    sweeper.sweep_due()
    assert (
        node.ledger.operator.get(swept),
        node.ledger.operator.events(swept),
        node.ledger.operator.results(swept),
    ) == (
        None,
        [],
        [],
    )
    assert node.ledger.operator.get(owed) is not None


@pytest.mark.parametrize("state", ["PENDING", "SENDING", "STORED", "FAILED"])
def test_what_is_owed_is_never_swept(node: Node, state: str) -> None:
    """Not yet sent, being sent, not yet committed, given up (somebody may retry it): it stays,
    however old and full.
    """
    node.deliver(state=state)
    age(node)
    node.clock.now += 1000 * DAY
    assert node.sweeper(watermark_percent=0.001).sweep_due() == 0
    assert len(node.files()) == 1


def test_a_series_that_is_not_read_yet_is_never_swept(node: Node) -> None:
    """One revision is done, the next one waits: everything stays."""
    node.deliver()
    add_object(node, 7)
    age(node)
    node.clock.now += 1000 * DAY
    assert node.sweeper(watermark_percent=0.001).sweep_due() == 0
    assert len(node.files()) == 2


def add_object(node: Node, number: int, *, series: int = 1) -> Instance:
    """A CT slice arrives late."""
    return record(node, number, node.spool.put(str(number).encode()), series=series)


def record(node: Node, number: int, stored: Stored, *, series: int = 1) -> Instance:
    """What lies in the spool comes into the ledger."""
    result = result_object(0, series=series)
    arrived = Instance(
        sop_instance_uid=f"{result.SeriesInstanceUID}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_instance_uid=result.StudyInstanceUID,
        series_instance_uid=result.SeriesInstanceUID,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=stored.sha256,
        path=stored.path,
        size_bytes=stored.size_bytes,
        source="ct",
        received_at=node.clock.now,
    )
    node.ledger.receiving.add(arrived, ready_at=node.clock.now, max_wait=DAY)
    return arrived


def test_above_the_watermark_the_oldest_delivered_go_first(node: Node) -> None:
    """Well before their time; but nothing of the last hour, and no failed job."""
    for series in range(1, 25):
        node.deliver(series=series)
        node.clock.now += timedelta(minutes=5)
    add_object(node, 1, series=99)
    job = node.ledger.reading.claim(owner="me", now=node.clock.now + DAY, lease=DAY, max_attempts=3)
    assert job is not None
    node.ledger.reading.fail(job, now=node.clock.now, reason="bug", detail="", retry_at=None)
    age(node)
    sweeper = node.sweeper(watermark_percent=0.001)
    assert sweeper.sweep_due() == 12  # of 120 minutes the last 60 are spared
    node.clock.now += 2 * timedelta(hours=1)
    assert sweeper.sweep_due() == 12
    assert len(node.files()) == 1


def test_bytes_that_another_series_needs_stay(node: Node) -> None:
    """Two series share an object's bytes; one is swept."""
    node.deliver(series=1)
    add_object(node, 5, series=1)
    job = node.ledger.reading.claim(owner="me", now=node.clock.now, lease=DAY, max_attempts=3)
    assert job is not None
    node.ledger.reading.refuse(job, now=node.clock.now, reason="not_head", detail="")
    add_object(node, 5, series=2)
    age(node)
    node.clock.now += 8 * DAY
    assert node.sweeper().sweep_due() == 1
    assert len(node.files()) == 1


def test_a_resend_after_the_sweep_is_read_anew(node: Node) -> None:
    """The same bytes are new again, in a new revision; nothing refers to a file that is gone."""
    node.deliver()
    add_object(node, 3)
    job = node.ledger.reading.claim(owner="me", now=node.clock.now, lease=DAY, max_attempts=3)
    assert job is not None
    node.ledger.reading.refuse(job, now=node.clock.now, reason="too_few_slices", detail="")
    age(node)
    node.clock.now += 8 * DAY
    node.sweeper().sweep_due()
    add_object(node, 3)
    newest = node.ledger.operator.list()[0]
    assert newest.revision == 3
    assert [
        node.spool.read(instance.path) for instance in node.ledger.operator.instances(newest)
    ] == [b"3"]
    with pytest.raises(ConfigError, match="the files of job 2 were removed after their time"):
        node.ledger.operator.retry(2, now=node.clock.now)


def test_what_arrives_again_while_it_is_swept_is_kept(node: Node) -> None:
    """Between the ledger's forgetting and the file's end the same bytes come again: they stay."""
    node.deliver()
    arrived = add_object(node, 3)
    job = node.ledger.reading.claim(owner="me", now=node.clock.now, lease=DAY, max_attempts=3)
    assert job is not None
    node.ledger.reading.refuse(job, now=node.clock.now, reason="too_few_slices", detail="")
    age(node)
    node.clock.now = datetime.now(UTC)
    paths = node.ledger.maintenance.sweep_series(
        idle_since=node.clock.now, failed_too=True, limit=9, now=node.clock.now
    )
    assert arrived.path in paths
    node.spool.put(b"3")  # written, not yet in the ledger
    assert arrived.path in node.ledger.maintenance.unreferenced(paths)
    assert not node.spool.remove(arrived.path, last_put=(node.clock.now - HOUR).timestamp())
    assert node.spool.read(arrived.path) == b"3"


def test_what_a_crash_left_is_found(node: Node) -> None:
    """A file of no row is seen by the daily walk, and goes an hour later, when nobody can be about
    to record it.
    """
    sweeper = node.sweeper()
    sweeper.sweep_due()
    node.clock.now += HOUR
    node.deliver(state="PENDING")
    node.spool.put(b"forgotten")
    age(node)
    assert sweeper.sweep_due() == 0, "the walk is daily"
    node.clock.now += DAY
    assert sweeper.sweep_due() == 0
    node.clock.now += HOUR
    assert sweeper.sweep_due() == 1
    assert len(node.files()) == 1


def test_what_is_recorded_or_put_again_after_the_walk_stays(node: Node) -> None:
    """The walk met it between its end on disk and its row, or its bytes come a second time."""
    recorded, put_again = node.spool.put(b"3"), node.spool.put(b"again")
    sweeper = node.sweeper()
    sweeper.sweep_due()
    record(node, 3, recorded)
    node.spool.put(b"again")
    node.clock.now += 2 * HOUR
    assert sweeper.sweep_due() == 0
    assert {path.name for path in node.files()} == {
        Path(recorded.path).name,
        Path(put_again.path).name,
    }


@pytest.mark.parametrize("started", ["before", "after"])
def test_a_clock_put_forward_removes_nothing_that_is_being_received(
    node: Node, started: str
) -> None:
    """A file that was written a moment ago looks old then, also to a process that starts anew and
    knows of no other time.
    """
    sweeper = node.sweeper()
    sweeper.sweep_due()
    stored = node.spool.put(b"3")
    age(node)
    node.clock.put(30 * DAY)
    if started == "after":
        sweeper = node.sweeper()
    assert sweeper.sweep_due() == 0
    arrived = record(node, 3, stored)
    node.clock.now += 2 * HOUR
    assert sweeper.sweep_due() == 0
    assert node.spool.read(arrived.path) == b"3"


def test_a_clock_put_forward_sweeps_nothing_for_an_hour(node: Node) -> None:
    """What was delivered looks old then, and somebody may be about to set the clock right."""
    node.deliver()
    age(node)
    sweeper = node.sweeper()
    sweeper.sweep_due()
    node.clock.put(30 * DAY)
    assert sweeper.sweep_due() == 0
    node.clock.now += HOUR - timedelta(minutes=1)
    assert sweeper.sweep_due() == 0
    node.clock.now += timedelta(minutes=1)
    assert sweeper.sweep_due() == 1


def test_a_clock_put_back_stops_neither_the_sweeping_nor_the_work(node: Node) -> None:
    """What waits for a time of the earlier clock waits no longer than any rule says."""
    node.deliver(series=1)
    add_object(node, 1, series=2)
    age(node)
    sweeper = node.sweeper()
    sweeper.sweep_due()
    node.clock.put(-5 * HOUR)
    assert sweeper.sweep_due() == 0
    waiting = next(job for job in node.ledger.operator.list() if job.state is JobState.WAITING)
    assert waiting.ready_at <= node.clock.now + LONGEST_WAIT
    assert node.ledger.operator.events(waiting.id)[-1].event == "mended"
    node.clock.now += 8 * DAY
    assert sweeper.sweep_due() == 1
