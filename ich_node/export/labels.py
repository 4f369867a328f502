"""labels.csv of an export: a row for each series and reader, and one for each slice and reader."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

from ich_node.ledger import Verdict

LABELS = "labels.csv"
NOBODY = ("unknown", "", "")
WORDS = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """path: from the folder of the export; a folder for a series, a file for a slice. patient: a
    pseudonym, the same for all series of a patient. slice: SOP Instance UID; frame: of a
    multi-frame object. bleeding: yes, no, unknown.
    """

    path: str
    patient: str
    study_uid: str
    series_uid: str
    slice: str = ""
    frame: int | str = ""
    bleeding: str
    type: str
    who: str


def of_series(verdicts: Sequence[Verdict]) -> list[tuple[str, str, str]]:
    """(bleeding, type, who) as each reader says of the series; one that says unknown if nobody
    does.
    """
    said = [(WORDS[each.bleeding], each.type, each.who) for each in verdicts]
    return list(dict.fromkeys(said)) or [NOBODY]


def of_slice(verdicts: Sequence[Verdict], sop_instance_uid: str) -> list[tuple[str, str, str]]:
    """The same of a slice. A head without bleeding has none in any slice; of a head with bleeding
    only the marked slices are known.
    """
    said = [
        (WORDS[each.bleeding], each.type, each.who)
        for each in verdicts
        if each.bleeding is False or (sop_instance_uid in each.slice_uids)
    ]
    return list(dict.fromkeys(said)) or [NOBODY]


def table(rows: Iterable[LabelRow]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(LabelRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return text.getvalue()
