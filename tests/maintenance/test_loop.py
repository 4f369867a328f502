"""The loop of maintenance: periods, failures, its thread, and a task that hangs."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from structlog.testing import capture_logs

from ich_node.errors import Unavailable
from ich_node.maintenance import Maintenance
from ich_node.maintenance.loop import Task
from ich_node.processes.watchdog import EXIT_STATUS
from tests.support.maintaining import MaintainedNode
from tests.support.standing_clock import START, Clock

SECOND = timedelta(seconds=1)


def task(name: str, run: Callable[[datetime], int], *, every: timedelta = SECOND) -> Task:
    return Task(name=name, every=every, run=run)


def raises(error: Exception) -> Callable[[datetime], int]:
    def run(_now: datetime) -> int:
        raise error

    return run


def test_each_task_runs_in_its_period() -> None:
    """At the start, then whenever its period is over; it gets the time of the clock."""
    seconds, times = 0.0, []
    maintenance = Maintenance(
        tasks=[
            task("often", lambda now: len(times.append(now) or times)),
            task("rarely", lambda _: 1, every=3 * SECOND),
        ],
        clock=Clock(),
        ticks=lambda: seconds,
    )
    ran = []
    for _ in range(4):
        ran.append(set(maintenance.run_due()))
        assert maintenance.run_due() == {}
        seconds += 1
    assert ran == [{"often", "rarely"}, {"often"}, {"often"}, {"often", "rarely"}]
    assert times == [START] * 4


def test_a_task_that_fails_stops_no_other_and_is_tried_again() -> None:
    """The log has its name: with the traceback for a bug, in a sentence for what is away."""
    seconds = 0.0
    maintenance = Maintenance(
        tasks=[
            task("broken", raises(ValueError("Doe^Jane"))),
            task("waits", raises(Unavailable("the ledger is away"))),
            task("works", lambda _: 2),
        ],
        clock=Clock(),
        ticks=lambda: seconds,
    )
    for _ in range(2):
        with capture_logs() as lines:
            assert maintenance.run_due() == {"broken": 0, "waits": 0, "works": 2}
        assert [(line["event"], line["task"]) for line in lines] == [
            ("maintenance_task_failed", "broken"),
            ("maintenance_task_postponed", "waits"),
            ("maintenance_task_done", "works"),
        ]
        assert lines[0]["exc_info"]
        assert (lines[1]["detail"], lines[2]["count"]) == ("the ledger is away", 2)
        seconds += 1


def test_it_runs_in_a_thread_until_the_block_ends() -> None:
    """What is under way is finished; the lines of the log name the process, as those of others."""
    ran, bound = threading.Event(), {}

    def run(_now: datetime) -> int:
        bound.update(structlog.contextvars.get_contextvars())
        ran.set()
        return 0

    maintenance = Maintenance(tasks=[task("one", run)], clock=Clock())
    with structlog.contextvars.bound_contextvars(process="send"), maintenance.running():
        assert ran.wait(30)
        names = [thread.name for thread in threading.enumerate()]
    assert "maintenance" in names
    assert "maintenance" not in [thread.name for thread in threading.enumerate()]
    assert bound == {"process": "send"}


STALL = """
import threading
from datetime import UTC, datetime, timedelta
from ich_node.maintenance import Maintenance
from ich_node.maintenance.loop import Task
from ich_node.processes.watchdog import Watchdog
forever = threading.Event()
watchdog = Watchdog(
    clock=lambda: datetime.now(UTC), limit_seconds=0.2, loop="maintenance"
)
watchdog.start()
hangs = Task(name="hangs", every=timedelta(seconds=1), run=lambda _: forever.wait())
with Maintenance(tasks=[hangs], clock=watchdog).running():
    forever.wait()
"""


def test_a_task_that_hangs_ends_the_process() -> None:
    """The sender alone would go on while the disk fills: systemd must start the process anew."""
    done = subprocess.run(
        [sys.executable, "-c", STALL], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == EXIT_STATUS
    assert b"process_stalled" in done.stdout
    assert b"maintenance" in done.stdout


def test_the_tasks_of_the_node_have_names_and_run_without_a_failure(node: MaintainedNode) -> None:
    """On an empty node nothing changes, and nothing is logged."""
    with capture_logs() as lines:
        changed = node.maintenance().run_due()
    assert changed == dict.fromkeys(
        (
            "notice_clock_moves",
            "shorten_waits",
            "sweep_spool_by_retention",
            "sweep_spool_at_watermark",
            "remove_files_without_row",
            "prune_ledger",
            "forget_network_answers",
        ),
        0,
    )
    assert lines == []
