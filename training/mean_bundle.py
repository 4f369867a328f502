"""The mean of the weights of several bundles that were trained from one start with different seeds.
It errs less on scanners that none of them has seen than any of them does.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import torch
from torch import Tensor

from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.card import Provenance


def mean_bundle(bundles: Sequence[Bundle], *, at: datetime) -> bytes:
    """The bytes of a bundle with the mean of all weights, and the calibration, threshold and rule
    of the first: train it for a moment more (`--start`), which calibrates it anew.

    Raises BundleError if there are fewer than two, or if they differ in network or input.
    """
    if len(bundles) < 2:
        raise BundleError("a mean is of at least two bundles; give another one")
    first, *others = bundles
    for other in others:
        if (other.network_spec, other.input) != (first.network_spec, first.input):
            raise BundleError(
                f"{other.name} ({other.sha256[:16]}) has another network or input than "
                f"{first.name} ({first.sha256[:16]}); give bundles of one preset and head"
            )
    details: dict[str, Any] = {
        "mean_of": [
            {
                "name": bundle.name,
                "sha256": bundle.sha256,
                "source": bundle.card.provenance.source,
                "details": bundle.card.provenance.details,
            }
            for bundle in bundles
        ]
    }
    card = replace(
        first.card,
        name=f"{first.name}-mean",
        licence="; ".join(dict.fromkeys(bundle.card.licence for bundle in bundles)),
        demonstration=any(bundle.demonstration for bundle in bundles),
        provenance=Provenance(
            source=f"the mean of the weights of {len(bundles)} bundles",
            created=at.date().isoformat(),
            details=details,
        ),
    )
    return pack_bundle(card, _mean([bundle.weights for bundle in bundles]))


def _mean(weights: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Counters (of batch norm) are those of the first."""
    first = weights[0]
    return {
        name: torch.stack([each[name] for each in weights]).mean(dim=0)
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in first.items()
    }
