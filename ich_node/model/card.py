"""The JSON document of a bundle: everything about a model except its weights."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, with_config

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import Peak, PeakRule
from ich_node.model.calibration import Calibration
from ich_node.model.learned_from import ADULTS, LearnedFrom
from ich_node.model.network import NetworkSpec

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A series is positive if the highest probability of its slices reaches the threshold."""

    threshold: float


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the weights and the numbers come from, in words and figures that a person can check."""

    source: str
    created: str
    details: dict[str, Any] = field(default_factory=dict)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Card:
    """self_check_peaks: the peaks that the pipeline found on the check slice (self_check.py).
    demonstration: made to show the node at work, not for patients. learned_from: other heads are
    read with a warning.
    """

    name: str
    network_spec: NetworkSpec
    input: InputSpec
    peak_rule: PeakRule
    calibration: Calibration
    operating_point: OperatingPoint
    provenance: Provenance
    licence: str
    demonstration: bool = False
    learned_from: LearnedFrom = ADULTS
    self_check_peaks: tuple[Peak, ...] = ()
    format_version: int = FORMAT_VERSION
