"""The bundle that is written: the new weights, and a card that says where they come from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.card import Provenance
from ich_node.model.learned_from import LearnedFrom
from training.adapt.figures import figures_of
from training.adapt.measuring import Measured
from training.adapt.parts import Parts, hashes_of
from training.adapt.recipe import Recipe
from training.adapt.studies import Study
from training.data import LICENCES

ADAPTED = "adapted"  # the key in the details of the provenance


def adapted_bundle(
    parent: Bundle,
    measured: Measured,
    *,
    name: str,
    parts: Parts,
    recipe: Recipe,
    seed: int,
    inputs: str,
    confirmed: int,
    at: datetime,
) -> bytes:
    """inputs: a hash of the studies and options, by which the same command is known again.
    confirmed: how many studies that looked positive a person confirmed as negative.
    """
    learned = (*parts.training, *parts.bleeding)
    details: dict[str, Any] = {
        ADAPTED: {
            "inputs": inputs,
            "recipe": asdict(recipe),
            "seed": seed,
            "confirmed_as_negative": confirmed,
            **figures_of(measured.outcome),
        },
        "data": {
            "training": _facts(parts.training),
            "left_out": _facts(parts.left_out),
            "bleeding": _facts(parts.bleeding),
            "bleeding_left_out": _facts(parts.bleeding_left_out),
            "scanners": _count(study.protocol.scanner for study in learned),
            "kernels": _count(study.protocol.kernel for study in learned),
            "slice_mm": _count(study.protocol.slice_mm for study in learned),
        },
        "start": {
            "name": parent.name,
            "sha256": parent.sha256,
            "licence": parent.card.licence,
        },
    }
    card = replace(
        measured.after.card,
        name=name,
        provenance=Provenance(
            source=f"{parent.name}, adapted to {len(parts.training)} studies without bleeding"
            " of one site, with bleeds drawn into them",
            created=at.date().isoformat(),
            details=details,
        ),
        licence=f"{LICENCES['labels']}; started from weights under: {parent.card.licence}",
        demonstration=parent.demonstration,
        learned_from=widened(parent.card.learned_from, learned),
    )
    return pack_bundle(card, measured.after.weights)


def widened(before: LearnedFrom, studies: Sequence[Study]) -> LearnedFrom:
    """The parent's range, and the density and noise of the brains that were learned from. Age and
    size are the parent's: a site's studies without bleeding add few children.
    """
    low, high = before.brain_hu
    densities = [study.brain.hu for study in studies]
    noises = [study.brain.noise_hu for study in studies if study.brain.noise_hu is not None]
    return replace(
        before,
        brain_hu=(round(min([low, *densities]), 1), round(max([high, *densities]), 1)),
        most_noise_hu=round(max([before.most_noise_hu, *noises]), 1),
    )


def _facts(studies: Sequence[Study]) -> dict[str, Any]:
    """Which they are: UIDs of series, and hashes of patients."""
    return {
        "studies": len(studies),
        "series": sorted(study.series_uid for study in studies),
        "patients": hashes_of(studies),
    }


def _count(words: Any) -> dict[str, int]:
    return dict(Counter(word or "not stated" for word in words).most_common())
