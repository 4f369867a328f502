"""Markdown of the statement."""

from collections.abc import Iterable, Sequence

from pydicom.uid import UID


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table, followed by an empty line."""
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body, ""]


def bullets(*sentences: str) -> list[str]:
    return [*(f"- {sentence}" for sentence in sentences), ""]


def uid(value: UID | str) -> str:
    """Name and UID."""
    return f"{UID(value).name} `{value}`"
