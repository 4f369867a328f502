"""The examples of one run: of a pool, of a data set by its split, or of several of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.cache_examples import examples_of_cache
from training.datasets import Found, LabelledSeries, Skip, Source
from training.errors import DataError
from training.examples import Examples
from training.mixed_examples import Part, mixed
from training.pool_examples import examples_of_pool
from training.pool_facts import facts_of_pool
from training.presets import Preset
from training.splits import choose_part, open_split, patient_hash

CT_ICH_8BIT = (
    "trained on slices of Hssayeni, Computed Tomography Images for Intracranial Hemorrhage"
    " Detection and Segmentation, PhysioNet, versions 1.0.0 to 1.2.0, doi:10.13026/w8q8-ky94"
    " (CC BY 4.0)"
)
LICENCES = {
    "phantom": "Apache-2.0",
    "rsna": "trained on RSNA 2019 (non-commercial research)",
    "cq500": "trained on CQ500 (CC BY-NC-SA 4.0)",
    "bhx": "trained on CQ500 and BHX (CC BY-NC-SA 4.0)",
    "ct-ich": "trained on PhysioNet CT-ICH 1.3 (PhysioNet Restricted Health Data License 1.5.0)",
    "ct-ich-8bit": CT_ICH_8BIT,
    "tissue": CT_ICH_8BIT,
    "labels": "trained on the data of one site",
}


def tissue_licence(source: Source) -> str:
    """Of bleeds drawn into the negative series of a data set."""
    if source == "labels":
        return "trained on negative studies of one site, with drawn bleeds"
    if source == "phantom":
        return LICENCES[source]
    return f"{LICENCES[source]}, with drawn bleeds"


@dataclass(frozen=True, kw_only=True)
class Patients:
    """The hashes of patients of one data set (see `splits`): those that are learned from, and those
    that must not be, since they are for validation or test.
    """

    data_set: str
    learned: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SplitSeries:
    """The series of the parts "train" and "validation", and the patients by their hashes."""

    series: dict[str, tuple[LabelledSeries, ...]]
    split_sha256: str
    patients: Patients

    def all(self) -> list[LabelledSeries]:
        return [item for series in self.series.values() for item in series]


@dataclass(frozen=True, kw_only=True)
class DataPart:
    """A pool or a data set of a run: what it gives to learn from (a validation pool: nothing), and
    to validate on (a pool to learn from: nothing). demonstration: made up, so that a model of such
    parts alone is not for patients. weight: see `mixed_examples.Part`. facts: for the provenance.
    patients: None if there are none, only phantoms.
    """

    name: str
    source: str
    licence: str
    demonstration: bool
    training: Examples | None = None
    validation: Examples | None = None
    weight: float = 1.0
    facts: dict[str, Any] = field(default_factory=dict)
    patients: Patients | None = None
    skipped: tuple[Skip, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Training and validation examples, and the parts of which they are the union."""

    training: Examples
    validation: Examples
    parts: tuple[DataPart, ...]

    @property
    def learned(self) -> tuple[DataPart, ...]:
        """The parts that are learned from."""
        return tuple(part for part in self.parts if part.training is not None)

    @property
    def source(self) -> str:
        """The kinds of data that are learned from."""
        return " and ".join(dict.fromkeys(part.source for part in self.learned))

    @property
    def licence(self) -> str:
        """The licences of what is learned from, each once."""
        return "; ".join(dict.fromkeys(part.licence for part in self.learned))

    @property
    def is_demonstration(self) -> bool:
        """Whether nothing but made-up bleeds is learned from."""
        return all(part.demonstration for part in self.learned)

    @property
    def skipped(self) -> tuple[Skip, ...]:
        return tuple(skip for part in self.parts for skip in part.skipped)

    def reasons(self) -> dict[str, int]:
        """How many were skipped, by reason."""
        return dict(Counter(skip.reason for skip in self.skipped).most_common())


def data_of_parts(parts: Sequence[DataPart]) -> TrainingData:
    """The union of the parts; the first is the one whose weight is 1.

    Raises DataError if two parts hold the same slices, if one learns from a patient whom another
    keeps for validation or test, or if none has slices to validate on.
    """
    for part in parts:
        _check_not_empty(part)
    owner: dict[str, str] = {}
    for part in parts:
        for examples in (part.training, part.validation):
            if examples is None or not len(examples):
                continue
            other = owner.setdefault(examples.digest, part.name)
            if other != part.name:
                raise DataError(
                    f"{other} and {part.name} hold the same slices; give each of them once, "
                    "and make a validation pool with another --seed"
                )
    for part in parts:
        for other_part in parts:
            _check_no_patient_in_both(part, other_part)
    validation = [
        Part(name=part.name, examples=part.validation)
        for part in parts
        if part.validation is not None and part.validation.count
    ]
    if not validation:
        raise DataError(
            f"{parts[0].name} brings no slices to validate on: give --validation, "
            "a pool of another --seed"
        )
    return TrainingData(
        training=mixed(
            [
                Part(name=part.name, examples=part.training, weight=part.weight)
                for part in parts
                if part.training is not None
            ]
        ),
        validation=mixed(validation),
        parts=tuple(parts),
    )


def _check_not_empty(part: DataPart) -> None:
    if part.training is None or part.training.count:
        return
    reasons = Counter(skip.reason for skip in part.skipped).most_common(1)
    why = f" ({reasons[0][1]} x {reasons[0][0]})" if reasons else ""
    raise DataError(
        f"{part.name} has no labelled slice to learn from{why}; leave it out, or look at it with "
        "`ich-node train check-data`"
    )


def _check_no_patient_in_both(learns: DataPart, keeps: DataPart) -> None:
    """The validation would measure what was learned by heart."""
    one, two = learns.patients, keeps.patients
    if one is None or two is None or one.data_set != two.data_set:
        return
    if common := one.learned & two.kept:
        raise DataError(
            f"{learns.name} learns from {len(common)} patients of {one.data_set} whom {keeps.name} "
            "keeps for validation or test; make the pools again with --split FILE --part train and "
            "--part validation"
        )


def part_of_pool(
    folder: Path, preset: Preset, *, name: str, weight: float = 1.0, validates: bool = False
) -> DataPart:
    """A pool to learn from, or to validate on."""
    examples = examples_of_pool(folder, preset.input)
    facts = facts_of_pool(folder)
    patients = None
    if facts.tissue is not None:
        hashes = frozenset(facts.tissue.patients)
        patients = Patients(
            data_set=facts.tissue.data_set,
            learned=frozenset() if validates else hashes,
            kept=hashes if validates else frozenset(),
        )
    return DataPart(
        name=name,
        source=facts.name,
        licence=facts.licence,
        demonstration=facts.demonstration,
        training=None if validates else examples,
        validation=examples if validates else None,
        weight=weight,
        facts={"pool": asdict(facts)},
        patients=patients,
    )


def open_parts(found: Found, split: Path) -> SplitSeries:
    """The train and validation parts of a data set."""
    opened = open_split(split)
    series = {part: choose_part(found.series, opened, part) for part in opened.patients}
    trained = opened.patients["train"]
    present = {patient_hash(opened.data_set, item.patient_id) for item in series["train"]}
    return SplitSeries(
        series=series,
        split_sha256=opened.sha256,
        patients=Patients(
            data_set=opened.data_set,
            learned=frozenset(present),
            kept=opened.everyone - trained,
        ),
    )


def part_of_set(
    found: Found,
    *,
    parts: SplitSeries,
    cache: Path,
    preset: Preset,
    name: str,
    weight: float = 1.0,
    boxes_as_masks: bool = False,
) -> DataPart:
    """A data set, from a cache that holds both of its parts."""
    training, skipped = examples_of_cache(
        cache, parts.series["train"], preset.input, boxes_as_masks=boxes_as_masks
    )
    validation, skipped_too = examples_of_cache(cache, parts.series["validation"], preset.input)
    return DataPart(
        name=name,
        source=found.source,
        licence=LICENCES[found.source],
        demonstration=found.source == "phantom",
        training=training,
        validation=validation,
        weight=weight,
        facts={
            "split_sha256": parts.split_sha256,
            "patients": {
                part: len({item.patient_id for item in series})
                for part, series in parts.series.items()
            },
            "series": {part: len(series) for part, series in parts.series.items()},
        }
        | ({"slices_with_boxes_as_masks": len(training.boxes)} if training.boxes else {}),
        patients=parts.patients,
        skipped=(*found.skipped, *skipped, *skipped_too),
    )
