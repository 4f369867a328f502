"""From data to a bundle: read, cache, train, calibrate, write down how it was made."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.scoring.calibration import SPECIFICITY, calibrate, first_rule, series_threshold
from ich_node.scoring.roc import area_under_curve
from training.curves import draw_curve, write_curve
from training.datasets import Found, LabelledSeries, Skip
from training.errors import DataError
from training.examples import Examples, examples_of_cache, examples_of_pool
from training.loop import Run, Trained
from training.presets import Preset
from training.splits import choose_part, open_split

BUNDLE = "bundle.safetensors"
PHANTOM = "phantom pool"
LICENCES = {
    PHANTOM: "Apache-2.0",
    "phantom": "Apache-2.0",
    "rsna": "trained on RSNA 2019 (non-commercial research)",
    "cq500": "trained on CQ500 (CC BY-NC-SA 4.0)",
    "bhx": "trained on CQ500 and BHX (CC BY-NC-SA 4.0)",
    "ct-ich": "trained on PhysioNet CT-ICH (CC BY 4.0)",
}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Who is learned from ("train") and who is looked at on the way ("validation")."""

    series: dict[str, tuple[LabelledSeries, ...]]
    split_sha256: str

    def all(self) -> list[LabelledSeries]:
        return [item for series in self.series.values() for item in series]


@dataclass(frozen=True, kw_only=True)
class Data:
    """What is learned from and what is looked at on the way. facts: for the bundle's provenance."""

    training: Examples
    validation: Examples
    source: str
    facts: dict[str, Any]
    licence: str
    skipped: tuple[Skip, ...] = ()

    def reasons(self) -> dict[str, int]:
        """How many were skipped, by reason."""
        return dict(Counter(skip.reason for skip in self.skipped).most_common())


def data_of_pools(training: Path, validation: Path, preset: Preset) -> Data:
    """Two phantom pools of different seeds."""
    first, second = (examples_of_pool(folder, preset.input) for folder in (training, validation))
    if first.digest == second.digest:
        raise DataError(
            f"{training} and {validation} hold the same phantoms; make the validation pool with another --seed"
        )
    return Data(
        training=first, validation=second, source=PHANTOM, facts={}, licence=LICENCES[PHANTOM]
    )


def open_parts(found: Found, split: Path) -> Parts:
    """The train and validation parts of a data set."""
    opened = open_split(split)
    series = {part: choose_part(found.series, opened, part) for part in opened.patients}
    return Parts(series=series, split_sha256=opened.sha256)


def data_of_set(found: Found, parts: Parts, cache: Path, preset: Preset) -> Data:
    """From a cache that holds both parts."""
    training, skipped = examples_of_cache(cache, parts.series["train"], preset.input)
    validation, skipped_too = examples_of_cache(cache, parts.series["validation"], preset.input)
    return Data(
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


def check_start(start: Bundle, preset: Preset) -> None:
    """A warm start needs the same network on the same input."""
    if start.network_spec != preset.network:
        raise BundleError(
            f"--start {start.name} has the network {start.network_spec}, the preset {preset.name} has {preset.network}; "
            "give a bundle of that preset and head"
        )


def finish(run: Run, data: Data, trained: Trained, *, start: Bundle | None, at: datetime) -> Path:
    """Write the bundle, its curve and the list of what was skipped into the run's folder; returns
    the bundle's path.
    """
    card = _card(run, data, trained, start=start, at=at)
    write_curve(trained.curve, run.folder / "curve.csv")
    draw_curve(trained.curve, run.folder / "curve.png", f"{card.name}, seed {run.seed}")
    write_skipped(data.skipped, run.folder / "skipped.csv")
    path = run.folder / BUNDLE
    path.write_bytes(pack_bundle(card, trained.weights))
    return path


def write_skipped(skipped: Sequence[Skip], path: Path) -> None:
    """Everything by name, with the reason."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["what", "reason", "detail"])
        table.writerows((skip.what, skip.reason, skip.detail) for skip in skipped)


def _card(run: Run, data: Data, trained: Trained, *, start: Bundle | None, at: datetime) -> Card:
    preset, label_N, logit_N = run.preset, data.validation.label_N, trained.predicted.logit_N
    calibration = calibrate(logit_N, label_N)
    threshold = series_threshold(logit_N, label_N, data.validation.series_N, calibration)
    rule = first_rule(
        logit_N,
        trained.predicted.highest_N,
        label_N,
        head=preset.network.head,
        gate=threshold if preset.gate else 0.0,
    )
    details: dict[str, Any] = {
        "preset": asdict(preset),
        "seed": run.seed,
        "steps": trained.steps,
        "slices_seen": trained.steps * preset.batch,
        "data": data.facts
        | {
            "source": data.source,
            "training": _facts(data.training),
            "validation": _facts(data.validation),
        },
        "skipped": data.reasons(),
        "validation_auc": round(area_under_curve(logit_N, label_N), 4),
        "threshold": f"{SPECIFICITY:.0%} of series without bleeding stay below, by the validation",
    }
    if start:
        details["start"] = {
            "name": start.name,
            "sha256": start.sha256,
            "licence": start.card.licence,
        }
    inherited = start.card.licence if start and start.card.licence != data.licence else ""
    return Card(
        name=f"{data.source.replace(' ', '-')}-{preset.name}-{preset.network.head}",
        network_spec=preset.network,
        input=preset.input,
        peak_rule=rule,
        calibration=calibration,
        operating_point=OperatingPoint(threshold=threshold),
        provenance=Provenance(
            source=f"trained on {data.source} with the preset {preset.name}",
            created=at.date().isoformat(),
            details=details,
        ),
        licence=f"{data.licence}; started from weights under: {inherited}"
        if inherited
        else data.licence,
    )


def _facts(examples: Examples) -> dict[str, Any]:
    return {
        "slices": len(examples.label_N),
        "positive": int(examples.label_N.sum()),
        "series": len(np.unique(examples.series_N)),
        "digest": examples.digest,
    }
