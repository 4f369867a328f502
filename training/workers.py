"""How every worker process starts."""

from threadpoolctl import threadpool_limits


def use_one_core(_number: int = 0) -> None:
    """By default BLAS starts a thread for every core in every worker: with 16 workers on 16 cores
    256 threads, which slow each other down.
    """
    threadpool_limits(1)
