"""Loading a bundle repeats its self-check and refuses on any difference; it cannot run code."""

import json
import pickle
import struct

import pytest
import torch

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle import load_bundle, pack_bundle
from ich_node.model.bundle_header import METADATA_KEY
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.network import MilNetwork, NetworkSpec


def card(architecture: str = "published", head: str = "max") -> Card:
    return Card(
        name="test",
        network_spec=NetworkSpec(architecture=architecture, head=head),
        input=InputSpec(),
        peak_rule=PeakRule(min_distance_px=10, min_likelihood=0.0, min_prominence=0.01),
        calibration=Calibration(shift=0.1, temperature=1.5),
        operating_point=OperatingPoint(threshold=0.5),
        provenance=Provenance(source="a test", created="2026-01-01"),
        licence="Apache-2.0",
    )


def weights(spec: NetworkSpec, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(MilNetwork(spec).state_dict())


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack_bundle(card(), weights(card().network_spec))


def with_card(data: bytes, change) -> bytes:
    """The file with its card edited, as by hand."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    document = json.loads(header["__metadata__"][METADATA_KEY])
    change(document)
    header["__metadata__"][METADATA_KEY] = json.dumps(document)
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data[8 + length :]


@pytest.mark.parametrize("architecture", ["paper", "published"])
@pytest.mark.parametrize("head", ["max", "attention"])
def test_what_is_packed_is_loaded(architecture, head):
    """Both architectures, both heads: the same card and the same weights."""
    original = card(architecture, head)
    tensors = weights(original.network_spec)
    loaded = load_bundle(pack_bundle(original, tensors), origin="test")
    assert (loaded.card.name, loaded.network_spec, loaded.peak_rule, loaded.calibration) == (
        "test",
        original.network_spec,
        original.peak_rule,
        original.calibration,
    )
    assert all(torch.equal(loaded.weights[name], tensor) for name, tensor in tensors.items())


def test_a_bundle_whose_code_has_drifted_does_not_load(packed):
    """Another padding rule gives another input, which the self-check detects."""
    with pytest.raises(BundleError, match="self-check failed at 'image'"):
        load_bundle(
            with_card(packed, lambda document: document["input"].update(padding="air")),
            origin="edited",
        )


def test_other_weights_do_not_load(packed):
    """The self-check detects one changed weight."""
    damaged = bytearray(packed)
    length = struct.unpack("<Q", packed[:8])[0]
    header = json.loads(packed[8 : 8 + length])
    start = 8 + length + header["network.head.score.bias"]["data_offsets"][0]
    damaged[start : start + 4] = struct.pack("<f", 3.0)
    with pytest.raises(BundleError, match="self-check failed"):
        load_bundle(bytes(damaged), origin="damaged")


def test_other_peaks_do_not_load(packed):
    """With a rule that was changed by hand the check slice has other peaks."""
    with pytest.raises(BundleError, match="self-check failed at 'peaks'"):
        load_bundle(
            with_card(packed, lambda document: document["peak_rule"].update(min_likelihood=1e6)),
            origin="edited",
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document.update(format_version=99), "bundle format 99"),
        (lambda document: document.update(surprise=1), "card is damaged"),
        (lambda document: document.pop("peak_rule"), "card is damaged"),
        (lambda document: document["network_spec"].update(head="mean"), "card is damaged"),
    ],
)
def test_an_impossible_card_is_refused(packed, change, words):
    with pytest.raises(BundleError, match=words):
        load_bundle(with_card(packed, change), origin="edited")


@pytest.mark.parametrize("data", [b"", b"no", pickle.dumps({"a": 1}), b"\xff" * 64])
def test_a_file_in_another_format_is_refused(data):
    """A pickle is never opened."""
    with pytest.raises(BundleError, match="not a safetensors file"):
        load_bundle(data, origin="junk")


def test_weights_of_another_network_are_refused():
    with pytest.raises(BundleError, match="do not fit"):
        pack_bundle(card("paper"), weights(NetworkSpec(architecture="published")))


def test_the_hash_names_the_file(packed):
    """sha256 of the bytes: reports and activations state it."""
    import hashlib

    assert load_bundle(packed, origin="test").sha256 == hashlib.sha256(packed).hexdigest()


def test_probability_is_finite_for_any_logit():
    calibration = Calibration(shift=0, temperature=0.5)
    assert calibration.probability(1e6) == 1
    assert calibration.probability(-1e6) == 0
    assert calibration.probability(0) == 0.5
