"""How times, lengths of time, sizes and UIDs are written."""

from datetime import datetime


def local(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """In the time zone of the node."""
    return at.astimezone().strftime(form)


def span(seconds: float) -> str:
    """2.3 s, 45 s, 12 min, 3 h, 5 d."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def size(count: float) -> str:
    """Bytes, as 12.5 GB."""
    for name in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {name}"
        count /= 1000
    return f"{count:.3g} TB"


def uid_end(uid: str, characters: int = 8) -> str:
    """…12345678: people tell UIDs apart by their ends."""
    return uid if len(uid) <= characters else f"…{uid[-characters:]}"
