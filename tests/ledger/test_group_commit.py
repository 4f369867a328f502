"""Writers share a transaction, and each gets the outcome of its own item, also if the thread that
writes fails.
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
    """write: holds up the first item until the others wait, and raises `error` at item 5, or
    ValueError at every batch that holds it if fails_batches. batches: what was written at once.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[int]] = []

    def write(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append([*numbers])
        if numbers[0] == 0:
            assert self.gate.wait(30)
        if 5 in numbers:
            raise ValueError("a batch") if self.fails_batches and len(numbers) > 1 else self.error
        return [number * number for number in numbers]

    error: BaseException = ValueError("five")
    fails_batches = False


def outcomes(writer: Writer) -> list["Future[int]"]:
    """Of each of the numbers, the first of which is written alone."""
    commit, futures = GroupCommit(write=writer.write), [Future[int]() for _ in EIGHT]

    def work(number: int) -> None:
        try:
            futures[number].set_result(commit(number))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            futures[number].set_exception(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in EIGHT]
    threads[0].start()
    wait_until(lambda: bool(writer.batches), what="the first")
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(commit._queue) == len(EIGHT) - 1, what="the others")
    writer.gate.set()
    for thread in threads:
        thread.join(30)
    return futures


def test_only_the_faulty_item_fails() -> None:
    """A bug that one item runs into does not fail the others of its batch."""
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


def test_a_ledger_that_does_not_answer_is_asked_once() -> None:
    """Every item of the batch fails; none is tried alone."""
    writer = Writer()
    writer.error = Unavailable("no answer")
    futures = outcomes(writer)
    assert futures[0].result(0) == 0
    assert {type(future.exception(0)) for future in futures[1:]} == {Unavailable}
    assert len(writer.batches) == 2


@pytest.mark.parametrize("ending", [SystemExit(), KeyboardInterrupt()])
@pytest.mark.parametrize("alone", [False, True])
def test_a_thread_that_is_ended_leaves_nobody_waiting(ending: BaseException, alone: bool) -> None:
    """It ends itself; the others of its batch hear at once that they were not written. Also when
    it writes the items one by one.
    """
    writer = Writer()
    writer.error = ending
    writer.fails_batches = alone
    futures = outcomes(writer)
    errors = [future.exception(0) for future in futures]
    written = [number for number, error in enumerate(errors) if error is None]
    ended = [error for error in errors if error is ending]
    assert len(ended) == 1
    assert 0 in written
    assert 5 not in written
    assert len(written) + 1 + sum(type(error) is Unavailable for error in errors) == len(EIGHT)
    assert (len(written) == 1) or alone
