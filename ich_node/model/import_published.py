"""The authors' published state dicts -> our network's weights and their tuned rule.

Their module list has 21 convolutions, of which the output depends on 12: the first block of every
level is computed and its result is discarded. Only the weights of the 12 are imported. The authors
grant no licence: users bring the file themselves, and it is never shipped.
"""

import re
from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.learned_from import LearnedFrom
from ich_node.model.network import NetworkSpec

# Position in their module list -> place in PublishedLevel. The positions that are missing here are
# the unused blocks.
USED_UNITS = {
    "init_conv": "features.0.entry",
    "layers.6": "features.1.entry",
    "layers.13": "features.2.entry",
} | {
    f"layers.{first + unit}": f"features.{level}.block.{unit}"
    for level, first in enumerate((3, 10, 17))
    for unit in range(3)
}
HEADS = {
    "max": {"conv_final": "head.score"},
    "attention": {
        "attention.conv_tanh": "head.v",
        "attention.conv_sigm": "head.u",
        "attention.conv_w": "head.w",
        "attention.conv_final": "head.score",
    },
}
UNUSED_UNITS = re.compile(r"layers\.(0|1|2|7|8|9|14|15|16)\.")
# Nemcek 2021 §II-E, with the digits of the authors' code. Their detector ignores peaks near the
# border and has no slice gate.
RULES = {
    "max": PeakRule(
        min_distance_px=10, min_likelihood=0.75963, min_prominence=0.024203, exclude_border=True
    ),
    "attention": PeakRule(
        min_distance_px=58, min_likelihood=0.02417, min_prominence=0.00378, exclude_border=True
    ),
}
# Between the lowest positive (0.94) and the highest negative (0.77 attention, 0.71 max) of 17 real
# studies
THRESHOLDS = {"max": 0.75, "attention": 0.85}


def convert_published(
    state: Mapping[str, Tensor], *, source: str, created: str
) -> tuple[Card, dict[str, Tensor]]:
    """The authors' state dict -> a bundle's card and weights. source: the file's name; created: a
    date.

    Raises BundleError if the state dict is not one of theirs.
    """
    head: Literal["max", "attention"] = "attention" if "attention.conv_w.weight" in state else "max"
    places = USED_UNITS | HEADS[head]
    weights: dict[str, Tensor] = {}
    for name, tensor in state.items():
        unit, _, leaf = (
            name.partition(".conv.")
            if ".conv." in name
            else name.partition(".bn.")
            if ".bn." in name
            else name.rpartition(".")
        )
        if unit in places:
            index = "0." if ".conv." in name else "1." if ".bn." in name else ""
            weights[f"{places[unit]}.{index}{leaf}"] = tensor
        elif not UNUSED_UNITS.match(name):
            raise BundleError(
                f"{source}: '{name}' does not belong to the published networks "
                "(MaxPool.pt, Attention.pt)"
            )
    card = Card(
        name=f"published-{head}",
        network_spec=NetworkSpec(architecture="published", head=head),
        input=InputSpec(),
        peak_rule=RULES[head],
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=THRESHOLDS[head]),
        provenance=Provenance(
            source="Nemcek, Vicar, Jakubicek 2021, weights as published by the authors",
            created=created,
            details={
                "file": source,
                "training_data": "RSNA Intracranial Hemorrhage Detection 2019",
            },
        ),
        # Flanders 2020 (doi 10.1148/ryai.2020190211) lists the data set under "adults"
        learned_from=LearnedFrom(source="adults, RSNA 2019"),
        licence=(
            "none granted by the authors: do not redistribute; "
            "trained on RSNA 2019 (non-commercial research)"
        ),
    )
    return card, weights
