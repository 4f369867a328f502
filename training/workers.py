"""What every worker process does first."""

from threadpoolctl import threadpool_limits


def use_one_core(_number: int = 0) -> None:
    """BLAS would start a thread for every core in every worker: with 16 workers on 16 cores, 256
    threads in each other's way.
    """
    threadpool_limits(1)
