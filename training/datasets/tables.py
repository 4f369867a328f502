"""A data set's CSV files: found in its folder, read by column name. Errors name the file, the line
and the remedy.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.errors import DataError


def find_table(folder: Path, *patterns: str) -> Path | None:
    """The table of the first pattern that matches, in the folder or one level below (searching the
    folders of the images would take long). Raises DataError if a pattern matches several.
    """
    for pattern in patterns:
        found = sorted({*folder.glob(pattern), *folder.glob(f"*/{pattern}")})
        if len(found) > 1:
            raise DataError(
                f"{folder} holds {len(found)} tables of one kind "
                f"({', '.join(map(str, found))}); keep the one to use"
            )
        if found:
            return found[0]
    return None


def need_table(folder: Path, *patterns: str) -> Path:
    """find_table, or a DataError that says what is missing."""
    table = find_table(folder, *patterns)
    if table is None:
        raise DataError(
            f"{folder} has no {' or '.join(patterns)}; "
            "put the data set's table there, beside its images"
        )
    return table


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of every row. Raises DataError if one of these columns is missing; others may be
    there.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                have = ", ".join(reader.fieldnames or ()) or "none at all"
                raise DataError(
                    f"{path} has no column {', '.join(missing)} (it has: {have}); "
                    "take the table as it was published"
                )
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise DataError(
                        f"{path} line {reader.line_num} is cut short; get the table again"
                    )
                yield reader.line_num, row
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} is not a CSV file in UTF-8 ({error}); take the table as it was published"
        ) from error


def zero_or_one(value: str, *, column: str, path: Path, line: int) -> bool:
    """A label. Raises DataError for anything but 0 and 1, an empty cell included."""
    if value.strip() not in ("0", "1"):
        raise DataError(
            f"{path} line {line}: {column} is {value!r}; "
            "a label is 0 or 1: correct the line or take it out"
        )
    return value.strip() == "1"
