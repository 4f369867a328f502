"""Whose series they are: the table's patient, else PatientID. Series that may be of one patient get
one name, so that no split puts him on both sides.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from training.datasets.images import ImageSeries
from training.datasets.label_table import LabelLine
from training.datasets.labelled import Skip

NO_PATIENT = "a series without a patient"
TWO_PATIENTS = "a series with two patients in the table"
ONE_PATIENT = "several names for one patient, read as one (harmless)"
# What some tools write into every file
PLACEHOLDER = re.compile(r"(?:anon\w*|unknown|none|no ?name|patient|test|dummy|[x0*?-]+)", re.I)


@dataclass(frozen=True, kw_only=True)
class Patients:
    """of_series: the patient of each series that has one, by its number."""

    of_series: Mapping[int, str]
    skipped: tuple[Skip, ...]


def patients_of(
    lines: Mapping[int, Sequence[LabelLine]], groups: Sequence[ImageSeries]
) -> Patients:
    """lines: the rows about each series, by its number."""
    named: dict[int, str] = {}
    skipped: list[Skip] = []
    for number, of_series in lines.items():
        group = groups[number]
        first = {line.patient: line.line for line in reversed(of_series) if line.patient}
        if len({_spelling(name) for name in first}) > 1:
            words = ", ".join(f"{name} (line {line})" for name, line in sorted(first.items()))
            skipped.append(_skip(group, TWO_PATIENTS, words, of_series[0].line))
        elif name := min(first, default=group.patient_id):
            named[number] = name
        else:
            words = "neither the table nor the files say whose it is; it cannot be split by patient"
            skipped.append(_skip(group, NO_PATIENT, words, of_series[0].line))
    spellings = {name for number in named for name in _names(lines[number], named[number])}
    one, told = _merged(named, groups, spellings)
    return Patients(
        of_series={number: one[name] for number, name in named.items()},
        skipped=(*skipped, *told),
    )


def _merged(
    named: Mapping[int, str], groups: Sequence[ImageSeries], spellings: set[str]
) -> tuple[dict[str, str], list[Skip]]:
    """The one name for each name, and why."""
    names_of: dict[Hashable, set[str]] = defaultdict(set)
    why: dict[Hashable, str] = {}
    identities = {groups[number].patient_id for number in named}
    for number, name in named.items():
        group = groups[number]
        study = ("study", group.study_instance_uid)
        names_of[study].add(name)
        why[study] = f"they share the study {group.study_instance_uid}"
        if len(identities) > 1 and not PLACEHOLDER.fullmatch(group.patient_id or "-"):
            patient = ("PatientID", group.patient_id)
            names_of[patient].add(name)
            why[patient] = f"their files have one PatientID, {group.patient_id}"
    for name in spellings:
        spelling = ("spelling", _spelling(name))
        names_of[spelling].add(name)
        why[spelling] = "they differ in spelling alone"
    one = {name: name for name in spellings}
    told: list[Skip] = []
    for reason, names in names_of.items():
        if len(names) > 1:
            told.append(Skip(what=", ".join(sorted(names)), reason=ONE_PATIENT, detail=why[reason]))
            joined = {one[name] for name in names}
            one = {name: min(joined) if at in joined else at for name, at in one.items()}
    return one, told


def _names(lines: Sequence[LabelLine], name: str) -> set[str]:
    return {line.patient for line in lines if line.patient} or {name}


def _spelling(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold()) or name


def _skip(group: ImageSeries, reason: str, detail: str, line: int) -> Skip:
    return Skip(what=group.series_instance_uid, reason=reason, detail=detail, line=line)
