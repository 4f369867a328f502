"""A loop without work is woken by what another process writes."""

import threading
import time
from contextlib import closing

from ich_node.ledger import open_ledger
from tests.support.ledger_examples import add

LONG = 120.0


def is_woken(changes, stop) -> bool:
    """Whether the wait ends long before its time."""
    deadline = time.monotonic() + LONG / 2
    changes.wait(stop, LONG)
    return time.monotonic() < deadline


def test_what_was_written_since_the_last_wait_ends_the_next_one(sqlite_url):
    """Also what was written while the loop asked for work and did not find it."""
    ours, theirs = open_ledger(sqlite_url), open_ledger(sqlite_url)
    with closing(ours.reading.changes()) as changes:
        add(theirs)
        assert is_woken(changes, threading.Event())
    ours.dispose()
    theirs.dispose()


def test_what_is_written_while_a_loop_waits_wakes_it(sqlite_url):
    ours, theirs = open_ledger(sqlite_url), open_ledger(sqlite_url)
    with closing(ours.reading.changes()) as changes:
        writer = threading.Timer(0.2, add, [theirs])
        writer.start()
        assert is_woken(changes, threading.Event())
        writer.join()
    ours.dispose()
    theirs.dispose()


def test_a_loop_that_is_to_stop_does_not_wait(url):
    """On either database."""
    ledger, stop = open_ledger(url), threading.Event()
    stop.set()
    with closing(ledger.reading.changes()) as changes:
        assert is_woken(changes, stop)
    ledger.dispose()


def test_without_a_change_the_time_ends_the_wait(url):
    """Time itself may have made a series ready."""
    ledger = open_ledger(url)
    with closing(ledger.reading.changes()) as changes:
        changes.wait(threading.Event(), 0.1)
    ledger.dispose()
