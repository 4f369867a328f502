"""Many slices on several threads."""

import threading

import pytest
import torch

from ich_node.series.parallel import in_order


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(two_threads):
    """Although the first one ends last, and another thread works meanwhile."""
    other_began = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert other_began.wait(30)
        other_began.set()
        return item * item

    assert in_order(work, range(20)) == [item * item for item in range(20)]


def test_the_first_item_that_fails_is_the_one_that_is_told(two_threads):
    """Whichever failed first on the clock."""
    later_failed = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert later_failed.wait(30)
            raise ValueError("the first")
        later_failed.set()
        raise ValueError("a later one")

    for _ in range(5):
        later_failed.clear()
        with pytest.raises(ValueError, match="the first"):
            in_order(work, range(4))


def test_one_thread_is_no_pool():
    """Of a dataset alone, too."""
    assert in_order(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]
