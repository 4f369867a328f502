"""The system clock is set while the node runs."""

from ich_node.ledger import JobState
from tests.support.maintaining import (
    DAY,
    HOUR,
    LONGEST_WAIT,
    MINUTE,
    SECOND,
    MaintainedNode,
    files_removed,
)


def test_a_clock_set_forward_sweeps_nothing_for_an_hour(node: MaintainedNode) -> None:
    """What was delivered looks old then, and a person may be about to set the clock right."""
    node.deliver()
    node.age()
    maintenance = node.maintenance()
    maintenance.run_due()
    node.clock.put(30 * DAY)
    node.clock.now += SECOND
    assert files_removed(maintenance) == 0
    node.clock.now += HOUR - MINUTE
    assert files_removed(maintenance) == 0
    node.clock.now += MINUTE
    assert files_removed(maintenance) == 1


def test_a_move_that_is_not_noticed_yet_sweeps_nothing(node: MaintainedNode) -> None:
    """The clock is set after the comparison and before a task that judges by age."""
    node.deliver()
    node.age()
    maintenance = node.maintenance()
    by_age = next(task for task in maintenance.tasks if task.name == "sweep_spool_by_retention")
    node.clock.put(30 * DAY)
    assert by_age.run(node.clock.now) == 0
    assert len(node.files()) == 1


def test_a_clock_set_back_stops_neither_the_sweeping_nor_the_work(node: MaintainedNode) -> None:
    """What waits for a time of the earlier clock waits no longer than any setting says, and that is
    put right at once.
    """
    node.deliver(series=1)
    node.add_object(1, series=2)
    node.age()
    maintenance = node.maintenance()
    maintenance.run_due()
    node.clock.now += MINUTE / 2  # nothing else is due
    node.clock.put(-5 * HOUR)
    assert maintenance.run_due() == {"notice_clock_moves": 1}
    waiting = next(job for job in node.ledger.operator.list() if job.state is JobState.WAITING)
    assert waiting.ready_at <= node.clock.now + LONGEST_WAIT
    assert node.ledger.operator.events(waiting.id)[-1].event == "wait shortened"
    node.clock.now += 8 * DAY
    assert files_removed(maintenance) == 1


def test_a_clock_that_was_set_back_while_the_node_was_down_is_noticed_too(
    node: MaintainedNode,
) -> None:
    node.add_object(1)
    node.clock.put(-5 * HOUR)
    assert node.maintenance().run_due()["shorten_waits"] == 1
    assert node.ledger.operator.list()[0].ready_at <= node.clock.now + LONGEST_WAIT
