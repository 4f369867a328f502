"""Markdown as the statement uses it."""

from collections.abc import Iterable, Sequence

from pydicom.uid import UID


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table and the empty line behind it."""
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body, ""]


def bullets(*sentences: str) -> list[str]:
    return [*(f"- {sentence}" for sentence in sentences), ""]


def uid(value: UID | str) -> str:
    """Its name and its number."""
    return f"{UID(value).name} `{value}`"
