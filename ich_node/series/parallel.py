"""One function over many slices on several threads; results in the order of the slices.

It gains time where the function releases the interpreter's lock, as NumPy and imagecodecs do.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results in the order of the items. Raises what the first item in this order raises.

    On as many threads as torch has: `[analysis] threads`, or the number of CPUs.
    """
    import torch  # 1 s to load; a process that decodes no series does not need it

    threads = min(torch.get_num_threads(), len(items))
    if threads < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
