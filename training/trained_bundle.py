"""From trained weights to a bundle: calibrate them, choose a first rule, and record how they were
made.
"""

from dataclasses import asdict
from datetime import datetime
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.scoring.calibration import SPECIFICITY, calibrate, first_rule, series_threshold
from ich_node.scoring.roc import area_under_curve
from training.curves import write_curve
from training.data import DataPart, TrainingData
from training.examples import Examples
from training.panels import draw_curve
from training.presets import Preset
from training.skipped_table import write_skipped
from training.training_run import Trained, TrainingRun
from training.validation import auc_of_parts

BUNDLE = "bundle.safetensors"


def check_start(start: Bundle, preset: Preset) -> None:
    """A warm start needs the same network on the same input."""
    if start.network_spec != preset.network:
        raise BundleError(
            f"--start {start.name} has the network {start.network_spec}, "
            f"the preset {preset.name} has {preset.network}; "
            "give a bundle of that preset and head"
        )


def write_results(
    run: TrainingRun, *, data: TrainingData, trained: Trained, start: Bundle | None, at: datetime
) -> Path:
    """Write the bundle, its curve and the list of what was skipped into the run's folder; returns
    the bundle's path.
    """
    card = _card(run, data=data, trained=trained, start=start, at=at)
    write_curve(trained.curve, run.folder / "curve.csv")
    draw_curve(trained.curve, run.folder / "curve.png", title=f"{card.name}, seed {run.seed}")
    write_skipped(data.skipped, run.folder / "skipped.csv")
    path = run.folder / BUNDLE
    path.write_bytes(pack_bundle(card, trained.weights))
    return path


def _card(
    run: TrainingRun, *, data: TrainingData, trained: Trained, start: Bundle | None, at: datetime
) -> Card:
    preset, label_N, logit_N = run.preset, data.validation.label_E, trained.predicted.logit_N
    calibration = calibrate(logit_N, label_N)
    threshold = _threshold(data.validation, logit_N, calibration)
    rule = first_rule(
        logit_N,
        trained.predicted.highest_N,
        label_N,
        head=preset.network.head,
        gate=threshold if preset.gate else 0.0,
    )
    auc = round(area_under_curve(logit_N, label_N), 4)
    auc_of = auc_of_parts(data.validation, trained.predicted) or {
        part.name: auc for part in data.parts if part.validation is not None
    }
    details: dict[str, Any] = {
        "preset": asdict(preset),
        "seed": run.seed,
        "steps": trained.steps,
        "slices_seen": trained.steps * preset.batch,
        "data": _data_facts(data, auc_of),
        "skipped": data.reasons(),
        "validation_auc": auc,
        "threshold": f"{SPECIFICITY:.0%} of series without bleeding stay below, by the validation"
        + (", in each of its parts" if data.validation.parts() else ""),
    }
    if start:
        details["start"] = {
            "name": start.name,
            "sha256": start.sha256,
            "licence": start.card.licence,
        }
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
        licence=_licence(data, start),
        demonstration=data.is_demonstration or (start is not None and start.demonstration),
    )


def _licence(data: TrainingData, start: Bundle | None) -> str:
    """That of the data, and that of the weights at the start where it is another one."""
    if start is None or start.card.licence == data.licence:
        return data.licence
    return f"{data.licence}; started from weights under: {start.card.licence}"


def _threshold(
    validation: Examples, logit_N: NDArray[np.float32], calibration: Calibration
) -> float:
    """Of a mixed validation, the highest threshold of its parts: single slices beside whole series
    would pull that of the union down.
    """
    parts = list(validation.parts().values()) or [slice(None)]
    return max(
        series_threshold(
            logit_N[own], validation.label_E[own], validation.series_E[own], calibration
        )
        for own in parts
        if not validation.label_E[own].all()
    )


def _data_facts(data: TrainingData, auc_of: dict[str, float]) -> dict[str, Any]:
    """Of one data set, or of one pool with its validation pool, as it is; of several, each part by
    itself.
    """
    union = {
        "source": data.source,
        "training": _facts(data.training),
        "validation": _facts(data.validation),
    }
    if len(data.learned) == 1 and not data.validation.parts():
        return data.learned[0].facts | union
    return union | {"parts": [_part_facts(part, auc_of) for part in data.parts]}


def _part_facts(part: DataPart, auc_of: dict[str, float]) -> dict[str, Any]:
    facts = part.facts | {"name": part.name, "source": part.source, "licence": part.licence}
    if part.training is not None:
        facts |= {"weight": part.weight, "training": _facts(part.training)}
    if part.validation is not None:
        auc = auc_of.get(part.name, nan)
        facts |= {"validation": _facts(part.validation) | {"auc": None if isnan(auc) else auc}}
    return facts


def _facts(examples: Examples) -> dict[str, Any]:
    """positive: slices, and series of which only the label is known (bags)."""
    size_E = np.diff(examples.start_E)
    facts = {
        "slices": len(examples),
        "positive": examples.positive,
        "series": len(np.unique(examples.series_N)),
        "digest": examples.digest,
    }
    return facts | ({"bags": int((size_E > 1).sum())} if (size_E > 1).any() else {})
