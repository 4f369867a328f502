"""One function over many slices on several threads, in the slices' order.

It pays where the function lets go of the interpreter's lock: NumPy, and the decoders that were
chosen for that.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results in the order of the items. What is raised is what the first item in this order
    raises.

    On as many threads as torch has: `[analysis] threads`, or the CPUs.
    """
    import torch  # here: whoever only names a Series, as the command line does, need not load it

    threads = min(torch.get_num_threads(), len(items))
    if threads < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
