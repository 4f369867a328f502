"""The system clock is set while the node runs."""

from ich_node.ledger import JobState
from tests.support.housekeeping import (
    DAY,
    HOUR,
    LONGEST_WAIT,
    MINUTE,
    SECOND,
    House,
    files_removed,
)


def test_a_clock_set_forward_sweeps_nothing_for_an_hour(house: House) -> None:
    """What was delivered looks old then, and a person may be about to set the clock right."""
    house.deliver()
    house.age()
    maintenance = house.maintenance()
    maintenance.run_due()
    house.clock.put(30 * DAY)
    house.clock.now += SECOND
    assert files_removed(maintenance) == 0
    house.clock.now += HOUR - MINUTE
    assert files_removed(maintenance) == 0
    house.clock.now += MINUTE
    assert files_removed(maintenance) == 1


def test_a_move_that_is_not_noticed_yet_sweeps_nothing(house: House) -> None:
    """The clock is set after the comparison and before a task that judges by age."""
    house.deliver()
    house.age()
    maintenance = house.maintenance()
    by_age = next(task for task in maintenance.tasks if task.name == "sweep_spool_by_retention")
    house.clock.put(30 * DAY)
    assert by_age.run(house.clock.now) == 0
    assert len(house.files()) == 1


def test_a_clock_set_back_stops_neither_the_sweeping_nor_the_work(house: House) -> None:
    """What waits for a time of the earlier clock waits no longer than any setting says, and that is
    put right at once.
    """
    house.deliver(series=1)
    house.add_object(1, series=2)
    house.age()
    maintenance = house.maintenance()
    maintenance.run_due()
    house.clock.now += MINUTE / 2  # nothing else is due
    house.clock.put(-5 * HOUR)
    assert maintenance.run_due() == {"notice_clock_moves": 1}
    waiting = next(job for job in house.ledger.operator.list() if job.state is JobState.WAITING)
    assert waiting.ready_at <= house.clock.now + LONGEST_WAIT
    assert house.ledger.operator.events(waiting.id)[-1].event == "mended"
    house.clock.now += 8 * DAY
    assert files_removed(maintenance) == 1


def test_a_clock_that_was_set_back_while_the_node_was_down_is_noticed_too(house: House) -> None:
    house.add_object(1)
    house.clock.put(-5 * HOUR)
    assert house.maintenance().run_due()["shorten_waits"] == 1
    assert house.ledger.operator.list()[0].ready_at <= house.clock.now + LONGEST_WAIT
