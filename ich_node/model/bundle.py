"""One safetensors file that holds everything needed to run a model.

Weights are tensors; everything else is one JSON document, the card, in the file's metadata.
Nothing is ever unpickled. A bundle also stores its self-check (self_check.py); loading repeats the
check and refuses on any difference, so a change in preprocessing, network or detector cannot
silently serve old weights.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle_header import (
    METADATA_KEY,
    WEIGHTS,
    card_document,
    is_shipped_demonstration,
)
from ich_node.model.calibration import Calibration
from ich_node.model.card import FORMAT_VERSION, Card, OperatingPoint
from ich_node.model.network import MilNetwork, NetworkSpec
from ich_node.model.self_check import SelfCheck, check_image, compare_self_check, run_self_check

CHECK = "self_check."  # the first part of the names of its tensors


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified model; only `load_bundle` makes one."""

    card: Card
    sha256: str
    weights: dict[str, Tensor] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def demonstration(self) -> bool:
        """Whether it, or a bundle that it was made from, is for demonstration only."""
        return self.card.demonstration or is_shipped_demonstration(
            self.sha256, self.card.provenance.details
        )

    @property
    def network_spec(self) -> NetworkSpec:
        return self.card.network_spec

    @property
    def input(self) -> InputSpec:
        return self.card.input

    @property
    def peak_rule(self) -> PeakRule:
        return self.card.peak_rule

    @property
    def calibration(self) -> Calibration:
        return self.card.calibration

    @property
    def operating_point(self) -> OperatingPoint:
        return self.card.operating_point

    def network(self) -> MilNetwork:
        """The network with its weights, in evaluation mode."""
        return _network(self.card, self.weights)

    def check_image(self) -> NDArray[np.float32]:
        """The network's input for the check slice: (channels, size, size)."""
        return check_image(self.card.input)


def pack_bundle(card: Card, weights: dict[str, Tensor]) -> bytes:
    """The file's bytes; runs the self-check and stores its result.

    Raises BundleError if the weights do not fit the network.
    """
    check = _self_check(card, weights)
    tensors = {
        WEIGHTS + name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()
    } | {
        CHECK + name: torch.from_numpy(np.ascontiguousarray(values))
        for name, values in check.arrays().items()
    }
    document = json.dumps(
        asdict(replace(card, self_check_peaks=check.peaks)), sort_keys=True, ensure_ascii=False
    )
    return safetensors.torch.save(tensors, metadata={METADATA_KEY: document})


def load_bundle(data: bytes, *, origin: str) -> Bundle:
    """Bytes of a bundle file -> a verified Bundle. origin names the file in errors.

    Raises BundleError that says what is wrong and what to do.
    """
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise BundleError(f"{origin}: not a safetensors file ({error})") from error
    card = _card(card_document(data, origin=origin), origin=origin)
    weights = _named(tensors, WEIGHTS)
    compare_self_check(
        _self_check(card, weights),
        stored={name: tensor.numpy() for name, tensor in _named(tensors, CHECK).items()},
        stored_peaks=card.self_check_peaks,
        origin=origin,
    )
    return Bundle(card=card, sha256=hashlib.sha256(data).hexdigest(), weights=weights)


def _card(document: str, *, origin: str) -> Card:
    try:
        stated = json.loads(document).get("format_version")
        if stated != FORMAT_VERSION:
            raise BundleError(
                f"{origin}: bundle format {stated}, this version reads {FORMAT_VERSION}; "
                "use the ich-node that made it"
            )
        return TypeAdapter(Card).validate_json(document)
    except (ValidationError, json.JSONDecodeError, AttributeError) as error:
        raise BundleError(f"{origin}: the bundle's card is damaged: {error}") from error


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _self_check(card: Card, weights: dict[str, Tensor]) -> SelfCheck:
    return run_self_check(_network(card, weights), spec=card.input, rule=card.peak_rule)


def _network(card: Card, weights: dict[str, Tensor]) -> MilNetwork:
    network = MilNetwork(card.network_spec)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BundleError(
            f"{card.name}: the weights do not fit the network {card.network_spec}: {error}"
        ) from error
    return network.eval()
