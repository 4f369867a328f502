"""Over how many days something is shown."""

from starlette.requests import Request

DAYS = (7, 30, 90, 365)
USUAL = 30
# What is counted while somebody waits for the page: the newest jobs of these days.
MOST_JOBS = 4000
MOST_PAIRS = 2000


def days_asked(request: Request) -> int:
    """One of DAYS."""
    text = request.query_params.get("days", "")
    return int(text) if text in map(str, DAYS) else USUAL
