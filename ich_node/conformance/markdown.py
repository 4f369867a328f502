"""Markdown of the statement."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from pydicom.uid import UID

CHARACTERS_A_LINE = 138
NO_BREAK = "\0"  # in place of a space inside `code`, at which no line ends


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table, followed by an empty line."""
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body, ""]


def bullets(*sentences: str) -> list[str]:
    return [*(f"- {sentence}" for sentence in sentences), ""]


def uid(value: UID | str) -> str:
    """Name and UID."""
    return f"{UID(value).name} `{value}`"


def wrapped(line: str) -> list[str]:
    """A paragraph or bullet in lines of readable length; a row of a table as it is."""
    if line.startswith("|"):
        return [line]
    unbroken = re.sub(r"`[^`]*`", lambda code: code.group().replace(" ", NO_BREAK), line)
    lines = textwrap.wrap(
        unbroken,
        CHARACTERS_A_LINE,
        subsequent_indent="  " if line.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [each.replace(NO_BREAK, " ") for each in lines] or [""]
