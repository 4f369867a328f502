"""Lines of a list for people: one a thing, none longer than the terminal is wide."""

import shutil
from collections.abc import Sequence

BETWEEN = "  "
NARROWEST = 12


def lines_of(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None
) -> list[str]:
    """Columns as wide as their longest text; numbers stand to the right. The last column gets the
    rest of the line, and is shortened.
    """
    width = width or shutil.get_terminal_size().columns
    table = [list(headings), *map(list, rows)]
    columns = list(zip(*table, strict=True))
    widths = [max(map(len, column)) for column in columns[:-1]]
    rest = max(NARROWEST, width - sum(widths) - len(BETWEEN) * len(widths))
    are_numbers = [all(cell.isdigit() for cell in column[1:]) for column in columns[:-1]]
    printed = []
    for row in table:
        cells = [
            cell.rjust(wide) if is_number else cell.ljust(wide)
            for cell, wide, is_number in zip(row, widths, are_numbers, strict=False)
        ]
        printed.append(BETWEEN.join([*cells, shortened(row[-1], rest)]).rstrip())
    return printed


def shortened(text: str, most: int) -> str:
    """On one line, at most this long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def span_text(seconds: float) -> str:
    """A length of time in one unit: 40 s, 5 min, 3 h, 12 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
