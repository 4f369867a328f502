"""A table of verdicts: CSV, in UTF-8, with commas, semicolons or tabs, and with a line of headings.

A line that cannot be understood is named by its number, and the others are taken.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.errors import ConfigError
from ich_node.verdicts.words import COLUMNS, UnknownWord, bleeding_of, column_of, types_of

KEYS = ("series_uid", "study_uid", "accession")
NEEDED = ("bleeding", "who")
DELIMITERS = ",;\t"
MOST_CHARACTERS = {"who": 64, "comment": 200}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line. key: the most exact of KEYS that it has."""

    line: int
    key: str
    value: str
    bleeding: bool | None
    types: tuple[str, ...]
    who: str
    slices: tuple[str, ...]
    comment: str


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A line that cannot be used. words: never repeat what a cell says, which may be anything."""

    line: int
    words: str


def read_table(path: Path) -> tuple[list[Row], list[Mistake]]:
    """Raises ConfigError if the file or its headings cannot be used."""
    text = _text(path)
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    names: Sequence[str] = ()
    for line, cells in _lines(text, path):
        if not names:
            names = _headings(cells, path)
            continue
        try:
            rows.append(_row(line, names, cells))
        except UnknownWord as error:
            mistakes.append(Mistake(line=line, words=str(error)))
    if not names:
        raise ConfigError(f"{path} is empty; its first line names the columns: {_known()}")
    return rows, mistakes


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}, line {line}: this is not UTF-8; save the table as 'CSV UTF-8'"
        ) from error


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, each with the number of its first line in the file."""
    delimiter = max(DELIMITERS, key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ConfigError(f"{path}, line {line}: this is not CSV ({error})") from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _headings(cells: Sequence[str], path: Path) -> list[str]:
    """Raises ConfigError."""
    try:
        names = [column_of(cell) for cell in cells]
    except UnknownWord as error:
        stop = "" if str(error).endswith("?") else "."
        raise ConfigError(f"{path}: {error}{stop} The columns are: {_known()}") from error
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}: two columns are '{twice[0]}'")
    missing = [name for name in NEEDED if name not in names]
    if not set(KEYS) & set(names):
        missing.insert(0, " or ".join(reversed(KEYS)))
    if missing:
        raise ConfigError(f"{path} needs the column {', and '.join(missing)}")
    return names


def _known() -> str:
    return ", ".join(COLUMNS)


def _row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row:
    """Raises UnknownWord."""
    if len(cells) != len(names):
        raise UnknownWord(f"it has {len(cells)} cells, and the first line {len(names)}")
    return row_of(line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})


def row_of(line: int, given: Mapping[str, str]) -> Row:
    """given: by COLUMNS, without spaces around; those that are known to be there may be empty.
    Raises UnknownWord.
    """
    key = next((name for name in KEYS if given.get(name)), None)
    if key is None:
        asked = [name for name in KEYS if name in given] or KEYS
        raise UnknownWord(f"{' and '.join(asked)} is empty")
    for name, most in MOST_CHARACTERS.items():
        if len(given.get(name, "")) > most:
            raise UnknownWord(f"{name} has more than {most} characters")
    if not given.get("who"):
        raise UnknownWord("who is empty: it names the reader")
    slices = tuple(dict.fromkeys(given.get("slices", "").replace("|", " ").split()))
    for uid in (*slices, *((given[key],) if key != "accession" else ())):
        if not is_legal_uid(uid):
            raise UnknownWord(f"{'slices' if uid in slices else key} has something that is no UID")
    bleeding, types = bleeding_of(given.get("bleeding", "")), types_of(given.get("type", ""))
    if bleeding is False and (slices or set(types) - {"quality"}):
        raise UnknownWord("bleeding is no, but a type or slices are given")
    return Row(
        line=line,
        key=key,
        value=given[key],
        bleeding=bleeding,
        types=types,
        who=given["who"],
        slices=slices,
        comment=given.get("comment", ""),
    )
