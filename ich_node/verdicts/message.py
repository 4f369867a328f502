"""A message with verdicts: JSON, with the fields of the table (table.py).

::

    {"type": "verdicts", "timestamp": "2026-11-01T14:30:00+01:00", "data": {"verdicts": [
      {"series_uid": "1.2.3", "bleeding": true, "type": "subdural", "who": "reader 2"}]}}

A list stands where the table has several words in a cell; true, false and null are yes, no and
unknown.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ich_node.errors import IchNodeError
from ich_node.verdicts.table import NEEDED, Mistake, Row, row_of
from ich_node.verdicts.words import COLUMNS, UnknownWord

KIND = "verdicts"
MOST_VERDICTS = 1000
LISTS = ("type", "slices")
WORDS = {True: "yes", False: "no", None: "unknown"}


class WrongMessage(IchNodeError):
    """The message cannot be understood."""


@dataclass(frozen=True, kw_only=True)
class VerdictMessage:
    """said_at: when the readers said it, as the message states. mistakes: of verdicts that cannot
    be used, by their number, from 1 on.
    """

    said_at: datetime
    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...]


def read_message(body: str) -> VerdictMessage:
    """Raises WrongMessage."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise WrongMessage(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise WrongMessage("the body is nested too deeply") from error
    document = _object(document, "the message", ("type", "timestamp", "data"))
    if document["type"] != KIND:
        raise WrongMessage(f'the type is "{KIND}"')
    data = _object(document["data"], "data", (KIND,))
    entries = data[KIND]
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_VERDICTS:
        raise WrongMessage(f"data.{KIND} is a list of 1 to {MOST_VERDICTS} verdicts")
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    for number, entry in enumerate(entries, start=1):
        try:
            rows.append(row_of(number, _fields(entry)))
        except UnknownWord as error:
            mistakes.append(Mistake(line=number, words=str(error)))
    return VerdictMessage(
        said_at=_time(document["timestamp"]), rows=tuple(rows), mistakes=tuple(mistakes)
    )


def _object(value: Any, name: str, fields: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(fields):
        raise WrongMessage(f"{name} is an object with {', '.join(fields)}, and nothing else")
    return value


def _time(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("no time zone")
    except (TypeError, ValueError) as error:
        raise WrongMessage(
            "the timestamp is a time with its zone, as 2026-11-01T14:30:00+01:00"
        ) from error
    return at


def _fields(entry: Any) -> Mapping[str, str]:
    """As cells of the table. Raises UnknownWord."""
    if not isinstance(entry, dict):
        raise UnknownWord("it is no object")
    for name in entry:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            meant = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(COLUMNS)}"
            raise UnknownWord(f"it has a field that is not known; {meant}")
    for name in NEEDED:
        if name not in entry:
            raise UnknownWord(f"{name} is missing")
    return {name: _cell(name, value) for name, value in entry.items()}


def _cell(name: str, value: Any) -> str:
    if name == "bleeding" and (value is None or isinstance(value, bool)):
        return WORDS[value]
    if value is None:
        return ""
    if name in LISTS and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    if not isinstance(value, str):
        raise UnknownWord(f"{name} is text" + (", or a list of texts" if name in LISTS else ""))
    if any(ord(character) < 32 for character in value):
        raise UnknownWord(f"{name} has a character that is not printed")
    return value.strip()
