"""Times as people give them (`--since 2h`) and as they read them: both in local time."""

import re
from datetime import datetime, time, timedelta

from ich_node.errors import ConfigError

UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
LONGEST_DAYS = 36_500
FORMS = "give an age (30min, 2h, 7d, 4w), a day (2026-11-01), a time (2026-11-01 14:30), or today"


def moment(text: str, *, now: datetime, option: str = "--since") -> datetime:
    """The time that somebody means; `now` is aware, and so is the result.

    An age ("2h", "30d") is counted back from now. A day begins at midnight, a time of day is
    today's. Local time, unless the text names a zone. Raises ConfigError, which names the option.
    """
    words = " ".join(text.split()).lower()
    if age := re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h|d|w)(?: ago)?", words):
        length = float(age[1]) * UNITS[age[2]].total_seconds()
        if length > LONGEST_DAYS * 86_400:
            raise ConfigError(f"{option} {text}: that is more than {LONGEST_DAYS} days")
        return now - timedelta(seconds=length)
    midnight = datetime.combine(now.astimezone().date(), time())
    days = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    try:
        given = days.get(words) or _given(words, midnight)
        return given.astimezone(now.tzinfo)
    except (ValueError, OverflowError) as error:
        near = _near(words)
        raise ConfigError(f"{option} '{text}' is not a time: {near or FORMS}") from error


def ahead(text: str, *, now: datetime, option: str = "--until") -> datetime:
    """The time to come that somebody means: "2h" is counted from now, "14:30" is the next one.
    Raises ConfigError, which names the option.
    """
    meant = moment(text, now=now, option=option)
    if re.fullmatch(rf"[\d.]+ ?({'|'.join(UNITS)})", text.strip().lower()):
        return now + (now - meant)
    if meant <= now and len(text.strip()) <= len("14:30:00") and ":" in text:
        meant += timedelta(days=1)
    if meant <= now:
        raise ConfigError(f"{option} '{text}' is over; give a time to come, or a length: 2h")
    return meant


def _given(words: str, midnight: datetime) -> datetime:
    """Raises ValueError."""
    if re.fullmatch(r"\d?\d:\d\d(:\d\d)?", words):
        return datetime.combine(midnight, time.fromisoformat(words.zfill(5)))
    return datetime.fromisoformat(words.upper())


def _near(words: str) -> str:
    """What was probably meant."""
    units = r"m|mins?|minutes?|hours?|hrs?|days?|weeks?|secs?|seconds?"
    if age := re.fullmatch(rf"(\d+) ?({units})", words):
        if age[2] == "m":
            return f"did you mean {age[1]}min (minutes) or {30 * int(age[1])}d (months)?"
        unit = "min" if age[2].startswith("min") else age[2][0]
        return f"did you mean {age[1]}{unit}?"
    if day := re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", words):
        return f"write the year first, {day[3]}-MM-DD"
    if re.fullmatch(r"\d+", words):
        return f"did you mean {words}h or {words}d?"
    return ""


def local(at: datetime) -> str:
    """In local time, with its zone, as "2026-11-01 14:30:05 CET"."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
