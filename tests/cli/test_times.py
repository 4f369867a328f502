"""`--since` and `--until` take what people write."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.errors import ConfigError
from ich_node.times import moment

NOW = datetime(2026, 11, 29, 1, 30, tzinfo=UTC)  # 02:30 in Berlin


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("30d", NOW - timedelta(days=30)),
        ("1.5 h", NOW - timedelta(minutes=90)),
        ("90MIN ago", NOW - timedelta(minutes=90)),
        ("today", datetime(2026, 11, 28, 23, 0, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 27, 23, 0, tzinfo=UTC)),
        ("0:15", datetime(2026, 11, 28, 23, 15, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
        ("2026-07-01 14:30", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        ("2026-07-01t14:30z", datetime(2026, 7, 1, 14, 30, tzinfo=UTC)),
        ("20261101", datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_local_time(text: str, expected: datetime) -> None:
    """With the daylight saving time of that day; an aware result."""
    assert moment(text, now=NOW) == expected
    assert moment(text, now=NOW).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("5m", "did you mean 5min (minutes) or 150d (months)?"),
        ("2 hours", "did you mean 2h?"),
        ("3 days", "did you mean 3d?"),
        ("12", "did you mean 12h or 12d?"),
        ("1.11.2026", "write the year first, 2026-MM-DD"),
        ("2026-13-01", "give an age (30min, 2h, 7d, 4w)"),
        ("", "give an age"),
        ("99999999999d", "more than 36500 days"),
        ("0001-01-01", "give an age"),
    ],
)
def test_what_is_no_time_gets_advice(text: str, advice: str) -> None:
    """In a sentence that names the option."""
    with pytest.raises(ConfigError) as caught:
        moment(text, now=NOW, option="--until")
    assert caught.value.detail.startswith(
        f"--until {text}" if "9999" in text else f"--until '{text}'"
    )
    assert advice in caught.value.detail
