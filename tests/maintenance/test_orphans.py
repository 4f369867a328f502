"""Files that no row of the ledger names are removed; those that are about to get one are not."""

from pathlib import Path

import pytest

from ich_node.maintenance.orphans import OrphanSearch
from tests.support.maintaining import DAY, HOUR, MaintainedNode, files_removed


def test_what_a_crash_left_is_found(node: MaintainedNode) -> None:
    """The daily search finds it; it is removed an hour later, when no process can be about to write
    its row.
    """
    maintenance = node.maintenance()
    maintenance.run_due()
    node.clock.now += HOUR
    node.deliver(state="PENDING")
    node.spool.put(b"forgotten")
    node.age()
    assert files_removed(maintenance) == 0, "the search is daily"
    node.clock.now += DAY
    assert files_removed(maintenance) == 0
    node.clock.now += HOUR
    assert files_removed(maintenance) == 1
    assert len(node.files()) == 1


def test_what_is_recorded_or_put_again_after_the_search_stays(node: MaintainedNode) -> None:
    """The search met it between its last byte and its row, or its bytes come a second time."""
    recorded, put_again = node.spool.put(b"3"), node.spool.put(b"again")
    maintenance = node.maintenance()
    maintenance.run_due()
    node.record(3, recorded)
    node.spool.put(b"again")
    node.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 0
    assert {path.name for path in node.files()} == {
        Path(recorded.path).name,
        Path(put_again.path).name,
    }


@pytest.mark.parametrize("started", ["before", "after"])
def test_a_clock_set_forward_removes_nothing_that_is_being_received(
    node: MaintainedNode, started: str
) -> None:
    """A file that was written a moment ago looks old then, also to a process that starts anew and
    knows of no other time.
    """
    maintenance = node.maintenance()
    maintenance.run_due()
    stored = node.spool.put(b"3")
    node.age()
    node.clock.put(30 * DAY)
    if started == "after":
        maintenance = node.maintenance()
    assert files_removed(maintenance) == 0
    arrived = node.record(3, stored)
    node.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 0
    assert node.spool.read(arrived.path) == b"3"


def test_a_long_search_goes_on_in_the_next_run(node: MaintainedNode) -> None:
    """Each run looks at a few files only; every file is found in the end, and none twice a day."""
    for number in range(7):
        node.spool.put(f"forgotten {number}".encode())
    search = OrphanSearch(
        ledger=node.ledger.maintenance,
        spool=node.spool,
        ticks=node.clock.ticks,
        files_in_one_run=3,
    )
    for _ in range(3):
        assert search.run(node.clock.now) == 0
        node.clock.now += HOUR / 4
    removed = []
    for _ in range(4):
        removed.append(search.run(node.clock.now))
        node.clock.now += HOUR / 4
    assert removed == [0, 3, 3, 1]
    assert node.files() == []
