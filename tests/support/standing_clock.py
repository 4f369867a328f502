"""A clock that stands still until a test moves it."""

from dataclasses import dataclass
from datetime import UTC, datetime

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """is_broken: it raises an error that no caller expects."""

    now: datetime = START
    is_broken: bool = False

    def __call__(self) -> datetime:
        if self.is_broken:
            raise RuntimeError("the clock is broken")
        return self.now
