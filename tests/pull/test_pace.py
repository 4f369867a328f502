"""A source is asked slowly, and at night if it should be."""

from datetime import timedelta

import pytest

from ich_node.config.query import DicomQuery, Hours
from ich_node.pull.pace import PullPace
from tests.pull.conftest import at


def pace(
    window: str | None = None, *, per_minute: float = 6, is_any_time: bool = False
) -> PullPace:
    query = DicomQuery(host="h", port=104, window=window, series_per_minute=per_minute)
    return PullPace(query=query, is_any_time=is_any_time)


@pytest.mark.parametrize(
    ("window", "hour", "is_open"),
    [
        ("20:00-06:00", 23, True),
        ("20:00-06:00", 5, True),
        ("20:00-06:00", 6, False),
        ("20:00-06:00", 12, False),
        ("20:00-06:00", 20, True),
        ("12:00-14:00", 13, True),
        ("12:00-14:00", 14, False),
        (None, 14, True),
    ],
)
def test_a_window_may_go_over_midnight(window, hour, is_open):
    """Outside it nothing is fetched, unless the operator says so."""
    assert (pace(window).closed(at(hour)) == "") is is_open
    assert pace(window, is_any_time=True).closed(at(hour)) == ""


def test_a_closed_window_says_when_it_opens():
    """And how to go on without it."""
    assert pace("20:00-06:00").closed(at(9, 30)) == (
        "the window of [sources.query] is 20:00 to 06:00, and it is 09:30: start it again at"
        " 20:00, or give --now"
    )


def test_the_rate_counts_from_the_start_of_the_last_series():
    """A clock that was set back does not make it wait for hours."""
    now = at(12)
    assert pace().wait_seconds(None, now) == 0
    assert pace().wait_seconds(now - timedelta(seconds=4), now) == 6
    assert pace().wait_seconds(now - timedelta(minutes=4), now) == 0
    assert pace().wait_seconds(now + timedelta(hours=4), now) == 10


@pytest.mark.parametrize("text", ["", "20-06", "20:00", "25:00-06:00", "20:00-20:00"])
def test_a_window_that_cannot_be_read_is_refused(text):
    """By a sentence with an example, or with what to do."""
    with pytest.raises(ValueError, match=r"20:00-06:00|leave it out"):
        Hours.of(text)
