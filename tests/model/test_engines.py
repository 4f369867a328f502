"""Every engine gives what the network gives."""

import os
from functools import lru_cache

import numpy as np
import pytest
import torch

from benchmarks.published_detector import published_detector
from ich_node.detection.peaks import find_peaks, upsample
from ich_node.detection.reading import Reading
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.cuda_engine import CudaEngine
from ich_node.model.engines.fixed_batch import FixedBatch
from ich_node.model.engines.openvino_engine import OpenVinoEngine, openvino_is_installed
from ich_node.model.engines.torch_engine import TorchEngine, folded
from ich_node.model.import_published import RULES, convert_published
from ich_node.model.network import WIDTHS, MilNetwork, NetworkSpec
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.support.extended import sampled
from tests.support.real import FOLDER, real, real_series

SIZE_PX = 64
SPECS = [
    NetworkSpec(architecture=architecture, head=head, widths=widths, mirrored=mirrored)
    for architecture, widths in WIDTHS.items()
    for head in ("max", "attention")
    for mirrored in (False, True)
]
SERIES = [
    "positive/cq500-ivh-80",
    "positive/cq500-sdh-412",
    "positive/rsna-edh-cce87b8761",
    "positive/rsna-iph-66a50aa62a",
    "negative/cq500-47",
    "negative/rsna-515961ad20",
    "thin/cq500-0",
]

BUNDLES = ("shipped", "MaxPool", "Attention")
# Each series by one bundle; by all three with `make engines`. Some of them always run.
ALWAYS = ("positive/cq500-ivh-80", "negative/cq500-47", "negative/rsna-515961ad20")
READ_BY = [
    pytest.param(folder, bundle, marks=[] if folder in ALWAYS else [pytest.mark.extended])
    for number, folder in enumerate(SERIES)
    for place, bundle in enumerate(BUNDLES)
    if "ICH_NODE_ALL_ENGINES" in os.environ or place == number % len(BUNDLES)
]

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
with_openvino = pytest.mark.skipif(
    not openvino_is_installed(), reason='pip install "ich-node[openvino]"'
)


def named(spec: NetworkSpec) -> str:
    return f"{spec.architecture}-{spec.head}{'-mirrored' if spec.mirrored else ''}"


def network(spec: NetworkSpec) -> MilNetwork:
    """With batch norms that do something, as after training."""
    torch.manual_seed(1)
    made = MilNetwork(spec)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return made.eval()


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 3, SIZE_PX, SIZE_PX)).astype(np.float32)


def plain(made: MilNetwork, x_BCYX: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        output = made(torch.from_numpy(x_BCYX))
    return output.logit_B.numpy(), output.likelihood_BYX.numpy()


@pytest.mark.parametrize("spec", SPECS, ids=named)
def test_torch_gives_what_the_network_gives(spec):
    """Within 1e-5 of the values' size, for one slice and for several."""
    made = network(spec)
    engine = TorchEngine(made)
    for count in (1, 3):
        for ours, expected in zip(
            engine.run(images(count)), plain(made, images(count)), strict=True
        ):
            np.testing.assert_allclose(
                ours, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
            )


def test_torch_gives_a_slice_the_same_bytes_in_any_company():
    """With the shipped network: alone, or beside other slices. So a reading that was previewed or
    interrupted gives the same results.
    """
    bundle = open_bundle(shipped_bundle())
    engine = TorchEngine(bundle.network())
    shape = (3, *bundle.check_image().shape)
    x_BCYX = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    together = engine.run(x_BCYX)
    for order in ([0], [2], [2, 0], [1, 2, 0]):
        for ours, expected in zip(engine.run(x_BCYX[order]), together, strict=True):
            assert np.array_equal(ours, expected[order])


@on_cuda
@pytest.mark.parametrize("spec", SPECS, ids=named)
def test_cuda_gives_what_the_network_gives(spec):
    """Within 1e-5 of the values' size, for one slice and for more than a batch."""
    made = network(spec)
    engine = CudaEngine(made, SIZE_PX)
    for count in (1, engine.batch + 3):
        for ours, expected in zip(
            engine.run(images(count)), plain(made, images(count)), strict=True
        ):
            np.testing.assert_allclose(
                ours, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
            )


def test_a_fixed_batch_takes_any_number():
    """The last batch is filled up with earlier slices, which do not show in the answer."""
    made = network(NetworkSpec())
    x_BCYX = torch.zeros(4, 3, SIZE_PX, SIZE_PX)
    with torch.inference_mode():
        logit_B, likelihood_BYX = (torch.full_like(each, torch.nan) for each in made(x_BCYX))
    computed = []

    def compute() -> None:
        computed.append(len(x_BCYX))
        with torch.inference_mode():
            for place, values in zip((logit_B, likelihood_BYX), made(x_BCYX), strict=True):
                place.copy_(values)

    batch = FixedBatch(
        x_BCYX=x_BCYX, logit_B=logit_B, likelihood_BYX=likelihood_BYX, compute=compute
    )
    for count in (1, 4, 6, 0):
        for ours, expected in zip(
            batch.run(images(count)), plain(made, images(max(count, 1))), strict=True
        ):
            assert (len(ours), ours.dtype) == (count, np.float32)
            np.testing.assert_allclose(
                ours, expected[:count], rtol=1e-5, atol=1e-5 * np.abs(expected).max()
            )
    assert computed == [4] * (1 + 1 + 2)


def test_folding_leaves_no_batch_norm_and_the_network_as_it_was():
    """The copy has none; the original is still the one that was trained."""
    made = network(NetworkSpec())
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded(made).modules())
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


@with_openvino
@pytest.mark.parametrize("spec", SPECS, ids=named)
def test_openvino_gives_what_the_network_gives(spec):
    """Within 1e-4 of the values' size, for one slice and for several."""
    made = network(spec)
    engine = OpenVinoEngine(made, SIZE_PX)
    for count in (1, 3):
        for ours, expected in zip(
            engine.run(images(count)), plain(made, images(count)), strict=True
        ):
            assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(
                ours, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
            )


@lru_cache(maxsize=1)
def read(folder: str) -> Series:
    """Cached: one series' tests follow each other, and the thin one takes seconds to decode."""
    return read_series(real_series(folder))


def real_bundle(name: str) -> Bundle:
    if name == "shipped":
        return open_bundle(shipped_bundle())
    state = torch.load(
        real("published-checkpoints", f"{name}.pt"), weights_only=True, map_location="cpu"
    )
    return load_bundle(
        pack_bundle(*convert_published(state, source=name, created="2026-01-01")), origin=name
    )


@with_openvino
@pytest.mark.parametrize(("folder", "name"), READ_BY)
def test_engines_read_real_series_alike(folder, name):
    """Every slice's logit within 1e-3, and the same findings in the same pixels."""
    series = read(folder)
    bundle = real_bundle(name)
    by_torch = Detector(bundle).read(series)
    by_openvino = Detector(bundle, OpenVinoEngine(bundle.network(), bundle.input.size_px)).read(
        series
    )
    for one, other in zip(by_torch.maps, by_openvino.maps, strict=True):
        assert abs(one.logit - other.logit) < 1e-3
    assert places(by_torch) == places(by_openvino)


def places(reading: Reading) -> list[list[tuple[float, float]]]:
    return [
        [(finding.row, finding.column) for finding in slice_.findings] for slice_ in reading.slices
    ]


@pytest.mark.parametrize("folder", sampled(SERIES))
def test_the_detector_finds_what_the_published_one_finds(folder):
    """On every map of the shipped bundle, by its own rule and by the published ones."""
    series = read(folder)
    bundle = open_bundle(shipped_bundle())
    for found in Detector(bundle).read(series).maps:
        map_YX = upsample(found.likelihood_YX, bundle.input.size_px)
        for rule in (bundle.peak_rule, *RULES.values()):
            assert [
                (peak.row, peak.column) for peak in find_peaks(map_YX, rule)
            ] == published_detector(map_YX, rule)


def test_the_real_series_are_all_there():
    """So that a renamed folder cannot turn the comparison into nothing."""
    real("positive")
    assert all((FOLDER / folder).is_dir() for folder in SERIES)
