"""How times, lengths of time, sizes and UIDs are written."""

from datetime import datetime

from ich_node.health.amounts import size, span

__all__ = ["local", "size", "span", "uid_end"]


def local(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """In the time zone of the node."""
    return at.astimezone().strftime(form)


def uid_end(uid: str, characters: int = 8) -> str:
    """…12345678: people tell UIDs apart by their ends."""
    return uid if len(uid) <= characters else f"…{uid[-characters:]}"
