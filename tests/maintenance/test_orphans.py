"""Files that no row of the ledger names are removed; those that are about to get one are not."""

from pathlib import Path

import pytest

from ich_node.maintenance.orphans import OrphanSearch
from tests.support.housekeeping import DAY, HOUR, House, files_removed


def test_what_a_crash_left_is_found(house: House) -> None:
    """The daily search finds it; it is removed an hour later, when no process can be about to write
    its row.
    """
    maintenance = house.maintenance()
    maintenance.run_due()
    house.clock.now += HOUR
    house.deliver(state="PENDING")
    house.spool.put(b"forgotten")
    house.age()
    assert files_removed(maintenance) == 0, "the search is daily"
    house.clock.now += DAY
    assert files_removed(maintenance) == 0
    house.clock.now += HOUR
    assert files_removed(maintenance) == 1
    assert len(house.files()) == 1


def test_what_is_recorded_or_put_again_after_the_search_stays(house: House) -> None:
    """The search met it between its last byte and its row, or its bytes come a second time."""
    recorded, put_again = house.spool.put(b"3"), house.spool.put(b"again")
    maintenance = house.maintenance()
    maintenance.run_due()
    house.record(3, recorded)
    house.spool.put(b"again")
    house.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 0
    assert {path.name for path in house.files()} == {
        Path(recorded.path).name,
        Path(put_again.path).name,
    }


@pytest.mark.parametrize("started", ["before", "after"])
def test_a_clock_set_forward_removes_nothing_that_is_being_received(
    house: House, started: str
) -> None:
    """A file that was written a moment ago looks old then, also to a process that starts anew and
    knows of no other time.
    """
    maintenance = house.maintenance()
    maintenance.run_due()
    stored = house.spool.put(b"3")
    house.age()
    house.clock.put(30 * DAY)
    if started == "after":
        maintenance = house.maintenance()
    assert files_removed(maintenance) == 0
    arrived = house.record(3, stored)
    house.clock.now += 2 * HOUR
    assert files_removed(maintenance) == 0
    assert house.spool.read(arrived.path) == b"3"


def test_a_long_search_goes_on_in_the_next_run(house: House) -> None:
    """Each run looks at a few files only; every file is found in the end, and none twice a day."""
    for number in range(7):
        house.spool.put(f"forgotten {number}".encode())
    search = OrphanSearch(
        ledger=house.ledger.maintenance,
        spool=house.spool,
        ticks=house.clock.ticks,
        files_in_one_run=3,
    )
    for _ in range(3):
        assert search.run(house.clock.now) == 0
        house.clock.now += HOUR / 4
    removed = []
    for _ in range(4):
        removed.append(search.run(house.clock.now))
        house.clock.now += HOUR / 4
    assert removed == [0, 3, 3, 1]
    assert house.files() == []
