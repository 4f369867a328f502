"""Writers that share a transaction: each gets its own outcome, whatever happens to the one that
writes.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from ich_node.errors import Unavailable
from ich_node.ledger.group_commit import GroupCommit
from tests.support.peers import wait_until

EIGHT = range(8)


class Writer:
    """write: holds up the first piece until the others wait. batches: what was written at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[int]] = []

    def write(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append([*numbers])
        if numbers[0] == 0:
            assert self.gate.wait(30)
        if 5 in numbers:
            raise self.error
        return [number * number for number in numbers]

    error: BaseException = ValueError("five")


def outcomes(writer: Writer) -> list["Future[int]"]:
    """Of each of the numbers, the first of which is written alone."""
    together, futures = GroupCommit(writer.write), [Future[int]() for _ in EIGHT]

    def work(number: int) -> None:
        try:
            futures[number].set_result(together(number))
        except BaseException as error:  # noqa: BLE001 - it is what is asked for
            futures[number].set_exception(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in EIGHT]
    threads[0].start()
    wait_until(lambda: bool(writer.batches), what="the first")
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(together._waiting) == len(EIGHT) - 1, what="the others")
    writer.gate.set()
    for thread in threads:
        thread.join(30)
    return futures


def test_who_is_at_fault_alone_is_told() -> None:
    """A bug that one piece of work runs into is not that of the others."""
    writer = Writer()
    futures = outcomes(writer)
    assert [future.result(0) for number, future in enumerate(futures) if number != 5] == [
        0,
        1,
        4,
        9,
        16,
        36,
        49,
    ]
    with pytest.raises(ValueError, match="five"):
        futures[5].result(0)
    assert len(writer.batches[1]) == 7


@pytest.mark.parametrize("error", [Unavailable("no answer"), SystemExit()])
def test_nobody_waits_for_ever(error: BaseException) -> None:
    """If the ledger does not answer, or the thread that writes is ended, all of its batch hear of
    it.
    """
    writer = Writer()
    writer.error = error
    futures = outcomes(writer)
    assert futures[0].result(0) == 0
    assert {type(future.exception(0)) for future in futures[1:]} == {type(error)}
    assert len(writer.batches) == 2
