"""What the versions of CT-ICH have in common: the table of slices, and masks of bleeds."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.datasets.labelled import ANY_KIND, KIND_OF, Box
from training.datasets.tables import read_rows, zero_or_one
from training.errors import DataError

TABLES = ("*hemorrhage_diagnosis*.csv",)
SUBTYPES = ("Intraventricular", "Intraparenchymal", "Subarachnoid", "Epidural", "Subdural")
COLUMNS = ("PatientNumber", "SliceNumber", *SUBTYPES, "No_Hemorrhage")
EIGHT_NEIGHBOURS = np.ones((3, 3))


class Diagnosed(NamedTuple):
    """A slice: its number, and the kinds of bleeding in it."""

    number: str
    kinds: frozenset[str]


# patient -> slices, in the order of the rows
Diagnosis = dict[str, list[Diagnosed]]


def read_diagnosis(table: Path) -> Diagnosis:
    """The rows of each patient. Raises DataError for a row that contradicts itself."""
    diagnosis: Diagnosis = defaultdict(list)
    for line, row in read_rows(table, COLUMNS):
        kinds = frozenset(
            KIND_OF[subtype.lower()]
            for subtype in SUBTYPES
            if zero_or_one(row[subtype], column=subtype, path=table, line=line)
        )
        none = zero_or_one(row["No_Hemorrhage"], column="No_Hemorrhage", path=table, line=line)
        if none == bool(kinds):
            raise DataError(
                f"{table} line {line}: No_Hemorrhage contradicts the kinds beside it; "
                "correct the line"
            )
        diagnosed = Diagnosed(row["SliceNumber"].strip(), kinds)
        diagnosis[row["PatientNumber"].strip()].append(diagnosed)
    return dict(diagnosis)


def patient_name(patient: str) -> str:
    """As files and folders are called: 49 is 049."""
    return f"{int(patient):03d}" if patient.isdecimal() else patient


def boxes_of_mask(mask_YX: NDArray[np.bool_], kinds: frozenset[str]) -> tuple[Box, ...]:
    """The mask does not tell the kinds apart; a part has a kind if the slice has one alone."""
    kind = next(iter(kinds)) if len(kinds) == 1 else ANY_KIND
    parts_YX, _ = ndimage.label(mask_YX, structure=EIGHT_NEIGHBOURS)
    return tuple(
        Box(kind=kind, row0=rows.start, column0=columns.start, row1=rows.stop, column1=columns.stop)
        for rows, columns in ndimage.find_objects(parts_YX)
    )
