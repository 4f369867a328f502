"""Values as CSV, a line at a time, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet knows one


def csv_lines(columns: Sequence[str], things: Iterable[object]) -> Iterator[str]:
    """The heading, then one line for each thing, whose attributes have the names of the columns."""
    yield _row(columns)
    for thing in things:
        yield _row([_cell(getattr(thing, name)) for name in columns])


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    """A name that somebody gave himself, or the answer of a peer, is no formula."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
