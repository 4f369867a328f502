"""A site's labels.csv: a row says of a slice, a series or a study whether it bleeds.

Columns are found by name. A row that cannot be understood is a Skip with its line, and the others
are read.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ich_node.verdicts.words import UnknownWord, bleeding_of, types_of
from training.datasets.labelled import ANY_KIND, KIND_OF, Box, Skip
from training.datasets.tables import find_table
from training.errors import DataError

TABLE = "[Ll][Aa][Bb][Ee][Ll][Ss].[Cc][Ss][Vv]"
NAME = "labels.csv"
DELIMITERS = ",;\t"
COLUMNS: dict[str, tuple[str, ...]] = {  # with other names that are understood
    "path": ("file", "filename", "filepath", "folder", "directory"),
    "slice": ("sopuid", "sopinstanceuid", "instanceuid", "imageuid"),
    "frame": ("framenumber",),
    "series_uid": ("series", "seriesinstanceuid"),
    "study_uid": ("study", "studyinstanceuid"),
    "patient": ("patientid", "pid", "subject", "subjectid"),
    "bleeding": ("bleed", "ich", "hemorrhage", "haemorrhage", "label", "any", "positive"),
    "type": ("types", "kind", "kinds", "subtype"),
    "who": ("reader", "radiologist", "annotator", "rater"),
    "row0": ("ymin", "y0", "top"),
    "column0": ("col0", "xmin", "x0", "left"),
    "row1": ("ymax", "y1", "bottom"),
    "column1": ("col1", "xmax", "x1", "right"),
    "x": (),
    "y": (),
    "width": ("w",),
    "height": ("h",),
}
KEYS = ("slice", "path", "series_uid", "study_uid")  # the most exact first
CORNERS = ("row0", "column0", "row1", "column1")
SIZES = ("x", "y", "width", "height")
# Excel writes TRUE in its own language, pandas writes 1.0 into a column with empty cells
LOCAL_WORDS = {"1.0": "1", "0.0": "0", "ja": "yes", "wahr": "yes", "nein": "no", "falsch": "no"}
NO_TYPE = {"", "-", "none", "n/a", "na"}
BLOOD = re.compile(r"\b(?:ha?ematomas?|ha?emorrhages?|bleed(?:ing|s)?)\b", re.IGNORECASE)

REPEATED = "rows that repeat a row (harmless)"
UNUSED_COLUMNS = "columns that are not used (harmless)"
WRONG = "a row that cannot be understood"


class WrongRow(Exception):
    """A cell, and what it may say instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelLine:
    """One row. line: of the file, from 1 on. slice: SOPInstanceUID. bleeding: None = unknown. who:
    in lower case; empty if the table names no readers.
    """

    line: int
    path: str = ""
    slice: str = ""
    frame: int | None = None
    series_uid: str = ""
    study_uid: str = ""
    patient: str = ""
    bleeding: bool | None
    kinds: frozenset[str] = frozenset()
    who: str = ""
    box: Box | None = None

    @property
    def what(self) -> str:
        """What it is about, by the cell that a person can find best."""
        named = self.path or self.slice or self.series_uid or self.study_uid
        return named if self.frame is None else f"{named} frame {self.frame}"


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """count: rows that are not empty; lines: those that were understood, each once."""

    path: Path
    count: int
    lines: tuple[LabelLine, ...]
    skipped: tuple[Skip, ...] = field(repr=False)


def need_label_table(folder: Path) -> Path:
    """The table in the folder or one level below. Raises DataError."""
    table = find_table(folder, TABLE)
    if table is not None:
        return table
    others = sorted(
        path.name
        for pattern in ("*.xls*", "*.ods", "*.tsv", "[Ll]abels*")
        for path in folder.glob(pattern)
        if path.is_file()
    )
    remedy = (
        f"save {others[0]} as '{NAME}', in the format 'CSV UTF-8'"
        if others
        else "put the table there, beside the images or above them"
    )
    raise DataError(f"{folder} has no {NAME}; {remedy}")


def read_label_table(path: Path) -> LabelTable:
    """Raises DataError if the file or its headings cannot be used."""
    text = _text(path)
    rows, delimiter = _rows(text, path)
    heading = next(rows, None)
    if heading is None:
        raise DataError(f"{path} is empty; its first line names the columns: {', '.join(COLUMNS)}")
    names, skipped = _headings(heading[1], path)
    lines: list[LabelLine] = []
    first_line: dict[tuple[str, ...], int] = {}
    repeated: Counter[int] = Counter()
    count = 0
    for line, cells in rows:
        count += 1
        if (before := first_line.setdefault(tuple(cells), line)) != line:
            repeated[before] += 1
            continue
        given: dict[str, str] = {}
        try:
            given = _cells(names, cells)
            lines.append(_line(line, given, decimal_comma=delimiter != ","))
        except (UnknownWord, WrongRow) as error:
            what = next((given[key] for key in ("path", *KEYS) if given.get(key)), path.name)
            skipped.append(Skip(what=what, reason=WRONG, detail=str(error), line=line))
    skipped += [
        Skip(what=path.name, reason=REPEATED, detail=f"{times} more times", line=line)
        for line, times in repeated.items()
    ]
    return LabelTable(path=path, count=count, lines=tuple(lines), skipped=tuple(skipped))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error
    if data.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"{path} is a workbook of Excel; save it in the format 'CSV UTF-8'")
    utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in data and not utf_16:
        raise DataError(f"{path} is no text in UTF-8; save it in the format 'CSV UTF-8'")
    try:
        return data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} line {line}: this is not {'UTF-16' if utf_16 else 'UTF-8'}; "
            "save the table in the format 'CSV UTF-8'"
        ) from error


def _rows(text: str, path: Path) -> tuple[Iterator[tuple[int, list[str]]], str]:
    """The rows that are not empty, each with the number of its first line; and the delimiter."""
    first, _, rest = text.partition("\n")
    skipped_lines = 0
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= len("sep=,"):
        delimiter, text, skipped_lines = first.strip()[4:] or "\t", rest, 1  # for Excel alone
    else:
        delimiter = max(DELIMITERS, key=first.count)
    return _numbered(text, path, delimiter, skipped_lines), delimiter


def _numbered(
    text: str, path: Path, delimiter: str, skipped_lines: int
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1 + skipped_lines
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path} line {line}: this is not CSV ({error}); correct the quotes"
            ) from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _bare(heading: str) -> str:
    return re.sub(r"[\s_.-]", "", heading.casefold())


def _headings(cells: Sequence[str], path: Path) -> tuple[list[str], list[Skip]]:
    """The name of each column, empty for one that is not used. Raises DataError."""
    name_of = {_bare(word): name for name, more in COLUMNS.items() for word in (name, *more)}
    names = [name_of.get(_bare(cell), "") for cell in cells]
    for name in COLUMNS:
        of_name = [cell for cell, each in zip(cells, names, strict=True) if each == name]
        if len(of_name) > 1:
            raise DataError(
                f"{path}: the columns {' and '.join(of_name)} both mean '{name}'; "
                "take one out, or rename it"
            )
    unused = [cell for cell, name in zip(cells, names, strict=True) if not name and cell.strip()]
    meant = [
        f"{cell}: did you mean '{name_of[near[0]]}'?"
        for cell in unused
        if (near := get_close_matches(_bare(cell), [*name_of], 1, cutoff=0.75))
    ]
    missing = [] if "bleeding" in names else ["bleeding (yes, no or unknown)"]
    if not set(KEYS) & set(names):
        missing.append(f"of {', '.join(KEYS)}")
    if missing:
        raise DataError(
            f"{path} needs a column {', and one '.join(missing)}; it has: "
            f"{', '.join(cells)}{''.join(f'. {words}' for words in meant)}"
        )
    skips = [
        Skip(what=cell, reason=UNUSED_COLUMNS, detail=", ".join(meant_by))
        for cell in unused
        for meant_by in [[words for words in meant if words.startswith(f"{cell}:")]]
    ]
    return names, skips


def _cells(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Raises WrongRow."""
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        raise WrongRow(f"it has {len(cells)} cells, and the first line {len(names)}")
    return {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}


def _line(line: int, given: Mapping[str, str], *, decimal_comma: bool) -> LabelLine:
    """Raises UnknownWord or WrongRow."""
    if not any(given.get(key) for key in KEYS):
        raise WrongRow(f"{', '.join(key for key in KEYS if key in given)}: nothing is given")
    bleeding, kinds = _bleeding(given["bleeding"]), _kinds(given.get("type", ""))
    if bleeding is False and kinds:
        raise WrongRow(f"bleeding is no, but its type is {given['type']}")
    box = _box(given, kinds, decimal_comma=decimal_comma)
    if box and bleeding is not True:
        raise WrongRow(f"it has a box, but bleeding is {given['bleeding']}")
    return LabelLine(
        line=line,
        path=given.get("path", ""),
        slice=given.get("slice", ""),
        frame=_frame(given.get("frame", "")),
        series_uid=given.get("series_uid", ""),
        study_uid=given.get("study_uid", ""),
        patient=given.get("patient", ""),
        bleeding=bleeding,
        kinds=kinds,
        who=given.get("who", "").casefold(),
        box=box,
    )


def _bleeding(text: str) -> bool | None:
    word = text.casefold()
    if not word:
        raise WrongRow("bleeding is empty; write yes, no or unknown")
    try:
        return bleeding_of(LOCAL_WORDS.get(word, word))
    except UnknownWord as error:
        raise WrongRow(f"'{text}': {error}") from error


def _kinds(text: str) -> frozenset[str]:
    """Those that the network's kinds have a word for; 'other' and 'quality' are none of them."""
    if text.casefold() in NO_TYPE:
        return frozenset()
    try:
        words = types_of(BLOOD.sub(" ", text))
    except UnknownWord as error:
        raise WrongRow(f"'{text}': {error}") from error
    return frozenset(KIND_OF[word] for word in words if word in KIND_OF)


def _frame(text: str) -> int | None:
    if not text:
        return None
    number = _number("frame", text, decimal_comma=False)
    if number < 1 or number != int(number):
        raise WrongRow(f"frame is {text}; frames are counted from 1")
    return int(number)


def _box(given: Mapping[str, str], kinds: frozenset[str], *, decimal_comma: bool) -> Box | None:
    """Of a row with several types nobody knows which of them is in the box."""
    named = [names for names in (CORNERS, SIZES) if any(given.get(name) for name in names)]
    if not named:
        return None
    if len(named) > 1:
        raise WrongRow(f"a box has {', '.join(CORNERS)}, or {', '.join(SIZES)}; not both")
    if missing := [name for name in named[0] if not given.get(name)]:
        raise WrongRow(f"of its box {', '.join(missing)} is missing")
    first, second, third, fourth = (
        _number(name, given[name], decimal_comma=decimal_comma) for name in named[0]
    )
    if named[0] == CORNERS:
        row0, column0, row1, column1 = first, second, third, fourth
    else:
        row0, column0, row1, column1 = second, first, second + fourth, first + third
    if not (row1 > row0 and column1 > column0):
        raise WrongRow(f"its box is {row1 - row0:g} rows high and {column1 - column0:g} wide")
    kind = next(iter(kinds)) if len(kinds) == 1 else ANY_KIND
    return Box(kind=kind, row0=row0, column0=column0, row1=row1, column1=column1)


def _number(name: str, text: str, *, decimal_comma: bool) -> float:
    try:
        number = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError as error:
        raise WrongRow(f"{name} is '{text}', no number") from error
    if not math.isfinite(number):
        raise WrongRow(f"{name} is '{text}', no number")
    return number
