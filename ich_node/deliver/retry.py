"""When a delivery that failed is tried again: after 30 s, 1 min, 2 min ... 15 min, for 24 h."""

from datetime import datetime, timedelta

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
RETRY_FOR = timedelta(hours=24)


def retry_at(*, attempts: int, first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after this many attempts; None if that is later than RETRY_FOR after
    first_at, the time from which the result is owed.
    """
    wait = min(FIRST_RETRY * 2 ** min(max(attempts - 1, 0), 10), LONGEST_RETRY)
    return now + wait if now + wait <= first_at + RETRY_FOR else None
