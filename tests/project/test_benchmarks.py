"""What the benchmarks compare is what they say."""

from io import BytesIO
from pathlib import Path

import pytest
import torch
from pydicom import dcmread

from benchmarks.inference import flops
from benchmarks.onnxruntime_peer import by_onnxruntime, onnxruntime_is_installed
from benchmarks.published_network import PublishedNetwork
from benchmarks.receive import ct_image, measure, new_images
from benchmarks.receivers import ich_node, script
from benchmarks.side_by_side import take_turns
from benchmarks.traffic import floor_bytes
from ich_node.model.network import MilNetwork, NetworkSpec
from tests.support.peers import need


def test_the_published_network_computes_what_ours_does_and_more():
    """With our weights in its second blocks: the same logits and maps, nearly twice the work."""
    torch.manual_seed(1)
    ours, theirs = MilNetwork(NetworkSpec()).eval(), PublishedNetwork().eval()
    weights = {
        name.replace("features.", "levels.")
        .replace(".block.", ".blocks.1.")
        .replace("head.", ""): value
        for name, value in ours.state_dict().items()
    }
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert all(".blocks.0." in name for name in missing)
    assert not unexpected
    x_BCYX = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert all(
            torch.equal(one, other) for one, other in zip(theirs(x_BCYX), ours(x_BCYX), strict=True)
        )
    assert flops(ours) == pytest.approx(1.498e9, rel=1e-3)
    assert flops(theirs) == pytest.approx(2.804e9, rel=1e-3)


def test_everyone_has_as_many_turns():
    """And one before the clock runs."""
    turns = {"a": 0, "b": 0}

    def turn(name: str) -> None:
        turns[name] += 1

    timings = take_turns(
        {name: lambda name=name: turn(name) for name in turns}, rounds=5, repeats=1
    )
    assert turns == {"a": 6, "b": 6}
    assert all(
        0 <= timing.wall_quartiles_ms[0] <= timing.wall_ms <= timing.wall_quartiles_ms[1]
        for timing in timings.values()
    )


def test_the_floor_counts_every_layer_once():
    """Of the published network at 64 px, by hand: entry, convolutions, the sum's other half,
    pooling; the map's convolution.
    """
    values = 0
    for side, before, width in ((64, 3, 12), (32, 12, 24), (16, 24, 36)):
        entry, convolutions, other_half, pooling = (
            before + width,
            3 * 2 * width,
            width,
            width + width / 4,
        )
        values += side**2 * (entry + convolutions + other_half + pooling)
    values += 8**2 * (36 + 1)
    made = MilNetwork(NetworkSpec()).eval()
    assert floor_bytes(made, 64) == (
        4 * values,
        4 * sum(weights.numel() for weights in made.parameters()),
    )


@pytest.mark.skipif(not onnxruntime_is_installed(), reason='pip install -e ".[bench]"')
def test_onnxruntime_runs_the_same_network():
    """It gives what ours gives, so that its time may stand beside ours."""
    torch.manual_seed(1)
    made = MilNetwork(NetworkSpec(mirrored=True)).eval()
    x_BCYX = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = made(x_BCYX)
    for index, (logit_B, likelihood_BYX) in enumerate(by_onnxruntime(made, x_BCYX.numpy(), 1)()):
        assert logit_B == pytest.approx(expected.logit_B[index : index + 1].numpy(), abs=1e-4)
        assert likelihood_BYX == pytest.approx(
            expected.likelihood_BYX[index : index + 1].numpy(), abs=1e-4
        )


def test_no_image_is_sent_twice():
    """A receiver that knows an image already has less to do."""
    images = [
        dcmread(BytesIO(image))
        for image in (*new_images(ct_image(), 3), *new_images(ct_image(), 3))
    ]
    assert len({image.SOPInstanceUID for image in images}) == 6
    assert all(
        image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID for image in images
    )
    assert len({image.SeriesInstanceUID for image in images}) == 2


@pytest.mark.parametrize("receiver", ["ours", "pynetdicom", "floor"])
def test_every_receiver_is_measured_by_what_it_answers(receiver: str, tmp_path: Path):
    """One turn of each kind, with four images from two senders."""
    need("storescu")
    start = {
        "ours": ich_node,
        "pynetdicom": script("stock_pynetdicom"),
        "floor": script("receiving_floor", speaks_dicom=False),
    }[receiver]
    (store := tmp_path / "store").mkdir()
    (source := tmp_path / "source").mkdir()
    with start(store) as running:
        run = measure(running, ct_image(), source, 2, 4)
    assert run.images_per_second > 0
    images = [
        path
        for path in store.rglob("*")
        if path.is_file() and "sqlite" not in path.name and path.stat().st_size > 500_000
    ]
    assert len(images) == 4
