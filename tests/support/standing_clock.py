"""A clock that stands still until a test moves it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A test moves `now`, and the ticks advance with it; `put` sets the clock without the ticks, as
    a person sets the system clock. is_broken: it raises an error that no caller expects.
    """

    now: datetime = START
    put_by: timedelta = timedelta(0)
    is_broken: bool = False

    def __call__(self) -> datetime:
        if self.is_broken:
            raise RuntimeError("the clock is broken")
        return self.now

    def ticks(self) -> float:
        """Seconds, as time.monotonic counts them."""
        return (self.now - self.put_by - START).total_seconds()

    def put(self, by: timedelta) -> None:
        self.now += by
        self.put_by += by
