"""What is left out, as a CSV file: one line for each thing."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import DataError

if TYPE_CHECKING:  # see training.options
    from training.datasets.labelled import Skip


def write_skipped(skipped: "Sequence[Skip]", path: Path) -> None:
    """line: of a data set's table, where a row of it is left out. Raises DataError."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["line", "what", "reason", "detail"])
            table.writerows(
                ("" if skip.line is None else skip.line, skip.what, skip.reason, skip.detail)
                for skip in skipped
            )
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; give another file") from error
