"""Series in folders of which somebody said whether they bleed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ich_node.errors import ConfigError
from ich_node.files.find import SeriesFiles, find_series

LABELS = "labels.csv"
FOLDERS = {"bleeding": True, "healthy": False}
WORDS = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True)
class LabelledSeries:
    """bleeding: None if it is not known."""

    files: SeriesFiles
    bleeding: bool | None


def labelled_series(folder: Path) -> list[LabelledSeries]:
    """The series below a folder with the labels of its labels.csv (columns series_uid and bleeding:
    yes, no, or unknown; slice is empty in the rows of series), else those below its folders
    `bleeding` and `healthy`.

    Raises ConfigError if it has neither.
    """
    if (folder / LABELS).is_file():
        labels = _labels(folder / LABELS)
        return [
            LabelledSeries(files=files, bleeding=labels[files.series_instance_uid])
            for files in find_series([folder])[0]
            if files.series_instance_uid in labels
        ]
    found = {name: folder / name for name in FOLDERS if (folder / name).is_dir()}
    if not found:
        raise ConfigError(f"{folder}: has neither {LABELS} nor the folders {' and '.join(FOLDERS)}")
    return [
        LabelledSeries(files=files, bleeding=FOLDERS[name])
        for name, path in found.items()
        for files in find_series([path])[0]
    ]


def _labels(path: Path) -> Mapping[str, bool | None]:
    """By Series Instance UID: what the rows of the series say, not those of its slices. None where
    readers disagree.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {"series_uid", "bleeding"} - set(rows[0] if rows else ())
    if missing:
        raise ConfigError(f"{path}: there is no column {' and '.join(sorted(missing))}")
    said: dict[str, set[bool | None]] = {}
    for row in rows:
        if not row.get("slice"):
            label = WORDS.get((row["bleeding"] or "").strip().lower())
            said.setdefault(row["series_uid"], set()).add(label)
    known = {uid: answers - {None} for uid, answers in said.items()}
    return {uid: answers.pop() if len(answers) == 1 else None for uid, answers in known.items()}
