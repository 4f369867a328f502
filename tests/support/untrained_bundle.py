"""A bundle whose weights were never trained."""

from pathlib import Path

import torch

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.model.bundle import pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.network import MilNetwork, NetworkSpec


def write_untrained_bundle(
    path: Path, *, size_px: int = 64, threshold: float = 0.0, name: str = "untrained"
) -> None:
    """Untrained weights, for tests in which the reading itself does not matter; by default they
    call everything positive. The small input keeps the network quick.
    """
    spec = NetworkSpec(architecture="published", head="max")
    torch.manual_seed(1)
    card = Card(
        name=name,
        network_spec=spec,
        input=InputSpec(size_px=size_px),
        peak_rule=PeakRule(min_distance_px=64, min_likelihood=-100.0, min_prominence=0.0),
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=threshold),
        provenance=Provenance(source="a test", created="2026-01-01"),
        licence="Apache-2.0",
    )
    path.write_bytes(pack_bundle(card, dict(MilNetwork(spec).state_dict())))
