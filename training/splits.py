"""The patients for training, validation, tuning and test: divided once, written to a file with its
hash, and never divided again.

The file names no patient: it lists hashes of the data set's pseudonyms. Only the evaluation may
open the test part.
"""

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training.datasets.labelled import LabelledSeries, Source
from training.errors import DataError

FORMAT_VERSION = 1
TEST = "test"
PARTS = ("train", "validation", "tune", TEST)
HASH_CHARACTERS = 16
DATA_SET_OF: dict[Source, str] = {  # the same patients
    "bhx": "cq500",
    "ct-ich-8bit": "ct-ich",
    "tissue": "ct-ich",
}
FRACTIONS: dict[str, dict[str, float]] = {
    "rsna": {"train": 0.97, "validation": 0.03},  # paper §II-E
    "cq500": {"tune": 0.4, TEST: 0.6},  # paper §II-D: 2/5 to tune the detector, 3/5 to test it
    "ct-ich": {"train": 0.7, "validation": 0.1, TEST: 0.2},
    "labels": {"train": 0.7, "validation": 0.1, TEST: 0.2},
    "phantom": {"train": 0.7, "validation": 0.1, TEST: 0.2},
}


@dataclass(frozen=True, kw_only=True)
class Split:
    """The opened parts: patient hashes by part. everyone: the hashes of all parts. sha256: of the
    whole file's content.
    """

    data_set: str
    seed: int
    fractions: dict[str, float]
    patients: dict[str, frozenset[str]]
    everyone: frozenset[str] = field(repr=False)
    sha256: str = ""

    def part_of(self, patient_id: str) -> str | None:
        """The opened part of a patient; None if the patient's part was not opened."""
        hashed = patient_hash(self.data_set, patient_id)
        return next((part for part, patients in self.patients.items() if hashed in patients), None)


def data_set_of(source: Source) -> str:
    """The data set that the patients are from: CQ500 for BHX boxes."""
    return DATA_SET_OF.get(source, source)


def patient_hash(data_set: str, patient_id: str) -> str:
    """What stands for a patient in a split file."""
    return hashlib.sha256(f"{data_set}\n{patient_id}".encode()).hexdigest()[:HASH_CHARACTERS]


def fractions_of(text: str) -> dict[str, float]:
    """train=0.62,validation=0.13,test=0.25: known parts, each once. Raises DataError."""
    fractions: dict[str, float] = {}
    for word in text.split(","):
        part, _, share = word.partition("=")
        part = part.strip()
        if part not in PARTS:
            raise DataError(f"{part!r} in {text!r} is no part; the parts are {', '.join(PARTS)}")
        if part in fractions:
            raise DataError(f"{text!r} names {part} twice")
        try:
            fractions[part] = float(share)
        except ValueError as error:
            raise DataError(
                f"{text!r}: the share of {part} is no number; write it as {part}=0.25"
            ) from error
    return fractions


def make_split(
    data_set: str, patient_ids: Iterable[str], *, fractions: Mapping[str, float], seed: int
) -> Split:
    """Divide by a seeded permutation of the sorted hashes, so the order of patient_ids does not
    matter.
    """
    if not math.isclose(sum(fractions.values()), 1.0) or min(fractions.values()) <= 0:
        raise DataError(f"the fractions {dict(fractions)} must be positive and add up to 1")
    hashes = sorted({patient_hash(data_set, patient_id) for patient_id in patient_ids})
    shuffled = [hashes[index] for index in np.random.default_rng(seed).permutation(len(hashes))]
    ends = np.rint(np.cumsum(list(fractions.values())) * len(hashes)).astype(int).tolist()
    starts = [0, *ends[:-1]]
    patients = {
        part: frozenset(shuffled[start:end])
        for part, start, end in zip(fractions, starts, ends, strict=True)
    }
    empty = [part for part, members in patients.items() if not members]
    if empty:
        raise DataError(
            f"{len(hashes)} patients are too few for the part {', '.join(empty)} "
            f"of {dict(fractions)}; add patients"
        )
    return Split(
        data_set=data_set,
        seed=seed,
        fractions=dict(fractions),
        patients=patients,
        everyone=frozenset(hashes),
    )


def write_split(split: Split, path: Path) -> str:
    """Write the file and return its sha256. A split that exists is never overwritten: results that
    were made with it would no longer be true.
    """
    content = _content(split)
    sha256 = _digest(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(content | {"sha256": sha256}, file, indent=1)
            file.write("\n")
    except FileExistsError as error:
        raise DataError(
            f"{path} exists, and a split is written once; use it, or give the new one another name"
        ) from error
    return sha256


def open_split(
    path: Path, *, parts: Collection[str] = ("train", "validation"), for_evaluation: bool = False
) -> Split:
    """Open these parts of the file. The part `test` needs for_evaluation=True, which `evaluate`
    alone passes.

    Raises DataError if the file was changed after it was written, or holds a patient in two parts.
    """
    if TEST in parts and not for_evaluation:
        raise DataError(
            f"the test part of {path} is for `ich-node evaluate` alone; "
            "train and tune on the others"
        )
    content, sha256 = _verified(path)
    unknown = [part for part in parts if part not in content["parts"]]
    if unknown:
        raise DataError(
            f"{path} has no part {', '.join(unknown)}; it has: {', '.join(content['parts'])}"
        )
    return Split(
        data_set=content["data_set"],
        seed=content["seed"],
        fractions=content["fractions"],
        patients={part: frozenset(content["parts"][part]) for part in parts},
        everyone=frozenset(hashed for members in content["parts"].values() for hashed in members),
        sha256=sha256,
    )


def choose_part(
    series: Sequence[LabelledSeries], split: Split, part: str
) -> tuple[LabelledSeries, ...]:
    """The series of an opened part's patients.

    Raises DataError for a patient that is not in the split, and for a study or image that two
    patients of different parts share: then one patient has several pseudonyms.
    """
    if part not in split.patients:
        raise DataError(
            f"the part {part} of the split was not opened; opened: {', '.join(split.patients)}"
        )
    others = {data_set_of(item.source) for item in series} - {split.data_set}
    if others:
        raise DataError(
            f"the split is of {split.data_set}, the series are of {', '.join(others)}; "
            "give the split of that data set"
        )
    unknown = sorted(
        {
            item.patient_id
            for item in series
            if patient_hash(split.data_set, item.patient_id) not in split.everyone
        }
    )
    if unknown:
        raise DataError(
            f"{len(unknown)} patients ({', '.join(unknown[:3])} ...) are not in the split of "
            f"{split.data_set}: "
            "the data have grown since it was written; write a new split under a new name"
        )
    _check_shared(series, split)
    return tuple(item for item in series if split.part_of(item.patient_id) == part)


def _check_shared(series: Sequence[LabelledSeries], split: Split) -> None:
    """No study and no image may belong to patients of two parts."""
    owner: dict[str, str] = {}
    for item in series:
        for uid in (item.study_instance_uid, *(slice_.sop_instance_uid for slice_ in item.slices)):
            other = owner.setdefault(uid, item.patient_id)
            if other == item.patient_id:
                continue
            side, other_side = (
                split.part_of(name) or "closed part" for name in (item.patient_id, other)
            )
            if side != other_side:
                raise DataError(
                    f"{uid} belongs to patient {other} ({other_side}) "
                    f"and to patient {item.patient_id} ({side}): "
                    "one patient on both sides; give both one PatientID and write a new split"
                )


def _content(split: Split) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "data_set": split.data_set,
        "seed": split.seed,
        "fractions": split.fractions,
        "parts": {part: sorted(patients) for part, patients in split.patients.items()},
    }


def _digest(content: dict[str, Any]) -> str:
    """Of the content, not of the bytes: the file may be reformatted."""
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _verified(path: Path) -> tuple[dict[str, Any], str]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sha256, version = content.pop("sha256"), content["format_version"]
    except OSError as error:
        raise DataError(
            f"cannot read the split {path}: {error.strerror}; write one with `ich-node train split`"
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a split file ({error}); write one with `ich-node train split`"
        ) from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} is a split of format {version}, this version reads {FORMAT_VERSION}; "
            "write a new one"
        )
    _check_disjoint(path, content)
    if _digest(content) != sha256:
        raise DataError(
            f"{path} was changed after it was written (its sha256 does not match); "
            "restore the original"
        )
    return content, sha256


def _check_disjoint(path: Path, content: dict[str, Any]) -> None:
    side_of: dict[str, str] = {}
    for part, members in content["parts"].items():
        for hashed in members:
            other = side_of.setdefault(hashed, part)
            if other != part:
                raise DataError(
                    f"{path}: patient {hashed} is on both sides, in {other} and in {part}; "
                    "write a new split"
                )
