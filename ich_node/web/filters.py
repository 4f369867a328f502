"""How times, lengths of time, sizes and UIDs are written."""

from datetime import datetime

from ich_node.health.amounts import size, span

__all__ = ["local", "mm", "size", "span", "uid_end"]


def local(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """In the time zone of the node."""
    return at.astimezone().strftime(form)


def mm(position: float) -> str:
    """-42.5 mm; without a minus before zero."""
    return f"{round(position, 1) + 0.0:.1f} mm"


def uid_end(uid: str, characters: int = 8) -> str:
    """…12345678: people tell UIDs apart by their ends."""
    return uid if len(uid) <= characters else f"…{uid[-characters:]}"
