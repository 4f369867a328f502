"""One safetensors file that holds everything needed to run a model, and proves on loading that it
still does.

Weights are tensors; all else is one JSON document in the file's metadata. Nothing is ever
unpickled. A bundle carries what its own pipeline gave for a fixed synthetic slice when it was made;
loading computes it again and refuses on any difference, so a change in preprocessing, network or
detector cannot silently serve old weights.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from safetensors import SafetensorError
from torch import Tensor

from ich_node.detection.brain_shift import brain_shift
from ich_node.detection.network_input import InputSpec, to_network_input
from ich_node.detection.peaks import Peak, PeakRule, find_peaks, upsample
from ich_node.errors import BundleError
from ich_node.model.network import MilNetwork, NetworkSpec
from ich_node.series.series import Slice

FORMAT_VERSION = 1
METADATA_KEY = "ich_node.bundle"
WEIGHTS = "network."
CHECK = "self_check."
TOLERANCE = 1e-3  # of logits and map values; CPU families differ by about 1e-5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Logit -> probability: sigmoid((logit + shift) / temperature)."""

    shift: float = 0.0
    temperature: float = 1.0

    def probability(self, logit: float) -> float:
        return float(self.probabilities(np.float64(logit)))

    def probabilities(self, logit: NDArray[Any] | np.float64) -> NDArray[Any]:
        scaled = (logit + self.shift) / self.temperature
        # exp of a negative number only: no overflow for any logit
        decay = np.exp(-np.abs(scaled))
        return np.where(scaled >= 0, 1 / (1 + decay), decay / (1 + decay))


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A series is positive from this probability on (its slices' highest)."""

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
    """The JSON part of a bundle."""

    name: str
    network_spec: NetworkSpec
    input: InputSpec
    peak_rule: PeakRule
    calibration: Calibration
    operating_point: OperatingPoint
    provenance: Provenance
    licence: str
    self_check_peaks: tuple[Peak, ...] = ()
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified model. Made by `load_bundle` alone."""

    card: Card
    sha256: str
    weights: dict[str, Tensor] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.card.name

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
        """The network's input for the slice that bundles are checked with: (channels, size, size)."""
        return _check_image(self.card)


def pack_bundle(card: Card, weights: dict[str, Tensor]) -> bytes:
    """The file's bytes. Runs the pipeline once on the check slice and stores what it gives.

    Raises BundleError if the weights do not fit the network.
    """
    check = _run_check(card, weights)
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
    """Bytes of a bundle file -> a verified Bundle; origin names the file in errors.

    Raises BundleError with what is wrong and what to do.
    """
    try:
        tensors = safetensors.torch.load(data)
        document = _metadata(data)[METADATA_KEY]
        stated = json.loads(document).get("format_version")
        if stated != FORMAT_VERSION:
            raise BundleError(
                f"{origin}: bundle format {stated}, this version reads {FORMAT_VERSION}; use the ich-node that made it"
            )
        card = TypeAdapter(Card).validate_json(document)
    except SafetensorError as error:
        raise BundleError(f"{origin}: not a safetensors file ({error})") from error
    except KeyError as error:
        raise BundleError(
            f"{origin}: a safetensors file, but not an ich-node bundle; `ich-node model import-published` makes one"
        ) from error
    except (ValidationError, json.JSONDecodeError, AttributeError) as error:
        raise BundleError(f"{origin}: the bundle's card is damaged: {error}") from error
    weights = {
        name.removeprefix(WEIGHTS): tensor
        for name, tensor in tensors.items()
        if name.startswith(WEIGHTS)
    }
    stored = {
        name.removeprefix(CHECK): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith(CHECK)
    }
    _compare(_run_check(card, weights), stored, card.self_check_peaks, origin)
    return Bundle(card=card, sha256=hashlib.sha256(data).hexdigest(), weights=weights)


def _metadata(data: bytes) -> dict[str, str]:
    """The safetensors header: an unsigned 64-bit little-endian length, then JSON. (`safetensors`
    reads it from paths only.)
    """
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata


def _network(card: Card, weights: dict[str, Tensor]) -> MilNetwork:
    network = MilNetwork(card.network_spec)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BundleError(
            f"{card.name}: the weights do not fit the network {card.network_spec}: {error}"
        ) from error
    return network.eval()


@dataclass(frozen=True, kw_only=True)
class _Check:
    """What the whole pipeline gives for the check slice."""

    image: NDArray[np.float32]
    logit: NDArray[np.float32]
    likelihood: NDArray[np.float32]
    peaks: tuple[Peak, ...]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {"image": self.image, "logit": self.logit, "likelihood": self.likelihood}


def _run_check(card: Card, weights: dict[str, Tensor]) -> _Check:
    image_CYX = _check_image(card)
    with torch.inference_mode():
        output = _network(card, weights)(torch.from_numpy(image_CYX)[None])
    likelihood_YX = output.likelihood_BYX[0].numpy()
    return _Check(
        image=image_CYX[:, ::8, ::8],
        logit=output.logit_B.numpy(),
        likelihood=likelihood_YX,
        peaks=tuple(find_peaks(upsample(likelihood_YX, card.input.size_px), card.peak_rule)),
    )


def _compare(
    now: _Check, stored: dict[str, NDArray[Any]], peaks: tuple[Peak, ...], origin: str
) -> None:
    for name, values in now.arrays().items():
        expected = stored.get(name)
        if (
            expected is None
            or expected.shape != values.shape
            or not np.allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE)
        ):
            raise BundleError(
                f"{origin}: self-check failed at '{name}': this version computes something else than when the bundle was made; "
                "use the ich-node that made it, or make the bundle again"
            )
    if [(peak.row, peak.column) for peak in now.peaks] != [
        (peak.row, peak.column) for peak in peaks
    ]:
        raise BundleError(
            f"{origin}: self-check failed at 'peaks': the detector finds other peaks than when the bundle was made"
        )


def _check_image(card: Card) -> NDArray[np.float32]:
    slice_ = _check_slice()
    return to_network_input(
        slice_, card.input, shift_hu=brain_shift([slice_], card.input.brain_hu)
    ).image_CYX


def _check_slice() -> Slice:
    """A fixed head-like slice by formula (no random generator, whose stream could change): skull,
    brain, a clot, padding.
    """
    row_YX, column_YX = np.meshgrid(np.linspace(-1, 1, 512), np.linspace(-1, 1, 512), indexing="ij")
    radius_YX = np.hypot(row_YX / 0.85, column_YX / 0.7)
    hu_YX = np.where(radius_YX < 1, 900.0, -1000.0)
    brain_YX = 32 + 6 * np.sin(9 * row_YX) * np.cos(11 * column_YX)
    hu_YX = np.where(radius_YX < 0.92, brain_YX, hu_YX)
    hu_YX = np.where(np.hypot(row_YX - 0.1, column_YX - 0.25) < 0.12, 68.0, hu_YX)
    padding_YX = np.hypot(row_YX, column_YX) > 1
    return Slice(
        sop_instance_uid="",
        sop_class_uid="",
        hu_YX=np.where(padding_YX, -3024, np.rint(hu_YX)).astype(np.int16),
        padding_YX=padding_YX,
        pixel_spacing_mm=(0.45, 0.45),
        image_position_mm=(0.0, 0.0, 0.0),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=0.0,
    )
