"""The examples of one run: a data set by its split, or two phantom pools."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.cache_examples import examples_of_cache
from training.datasets import Found, LabelledSeries, Skip, Source
from training.errors import DataError
from training.examples import Examples
from training.pool_examples import examples_of_pool
from training.pool_facts import check_no_patient_in_both, facts_of_pool
from training.presets import Preset
from training.splits import choose_part, open_split

PHANTOM, TISSUE = "phantom pool", "tissue pool"
PHANTOMS = {PHANTOM, "phantom"}  # as pools, and as series on disk
CT_ICH_8BIT = (
    "trained on slices of Hssayeni, Computed Tomography Images for Intracranial Hemorrhage"
    " Detection and Segmentation, PhysioNet, versions 1.0.0 to 1.2.0, doi:10.13026/w8q8-ky94"
    " (CC BY 4.0)"
)
LICENCES = {
    **dict.fromkeys(PHANTOMS, "Apache-2.0"),
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
    if source in PHANTOMS:
        return LICENCES[source]
    return f"{LICENCES[source]}, with drawn bleeds"


@dataclass(frozen=True, kw_only=True)
class SplitSeries:
    """The series of the parts "train" and "validation"."""

    series: dict[str, tuple[LabelledSeries, ...]]
    split_sha256: str

    def all(self) -> list[LabelledSeries]:
        return [item for series in self.series.values() for item in series]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Training and validation examples. facts: for the bundle's provenance."""

    training: Examples
    validation: Examples
    source: str
    facts: dict[str, Any]
    licence: str
    skipped: tuple[Skip, ...] = ()

    @property
    def is_of_phantoms(self) -> bool:
        """Whether all bleeds are drawn."""
        return self.source in {*PHANTOMS, TISSUE}

    def reasons(self) -> dict[str, int]:
        """How many were skipped, by reason."""
        return dict(Counter(skip.reason for skip in self.skipped).most_common())


def data_of_pools(training: Path, validation: Path, preset: Preset) -> TrainingData:
    """Two pools, of different seeds and patients."""
    first, second = (examples_of_pool(folder, preset.input) for folder in (training, validation))
    if first.digest == second.digest:
        raise DataError(
            f"{training} and {validation} hold the same slices; "
            "make the validation pool with another --seed"
        )
    check_no_patient_in_both(training, validation)
    facts = facts_of_pool(training)
    return TrainingData(
        training=first,
        validation=second,
        source=facts.name,
        facts={"pool": asdict(facts)},
        licence=facts.licence,
    )


def open_parts(found: Found, split: Path) -> SplitSeries:
    """The train and validation parts of a data set."""
    opened = open_split(split)
    series = {part: choose_part(found.series, opened, part) for part in opened.patients}
    return SplitSeries(series=series, split_sha256=opened.sha256)


def data_of_set(found: Found, *, parts: SplitSeries, cache: Path, preset: Preset) -> TrainingData:
    """Examples of a data set, from a cache that holds both parts."""
    training, skipped = examples_of_cache(cache, parts.series["train"], preset.input)
    validation, skipped_too = examples_of_cache(cache, parts.series["validation"], preset.input)
    return TrainingData(
        training=training,
        validation=validation,
        source=found.source,
        facts={
            "split_sha256": parts.split_sha256,
            "patients": {
                part: len({item.patient_id for item in series})
                for part, series in parts.series.items()
            },
            "series": {part: len(series) for part, series in parts.series.items()},
        },
        skipped=(*found.skipped, *skipped, *skipped_too),
        licence=LICENCES[found.source],
    )
