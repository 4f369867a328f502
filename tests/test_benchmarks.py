"""What the benchmarks compare is what they say."""

import pytest
import torch

from benchmarks.inference import flops
from benchmarks.published_network import PublishedNetwork
from benchmarks.side_by_side import take_turns
from ich_node.detection.network import MilNetwork, NetworkSpec


def test_the_published_network_computes_what_ours_does_and_more():
    """With our weights in its second blocks: the same logits and maps, for nearly twice the work."""
    torch.manual_seed(1)
    ours, theirs = MilNetwork(NetworkSpec()).eval(), PublishedNetwork().eval()
    weights = {
        name.replace("features.", "levels.").replace(".block.", ".blocks.1.").replace("head.", ""): value
        for name, value in ours.state_dict().items()
    }
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert all(".blocks.0." in name for name in missing)
    assert not unexpected
    x_BCYX = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert all(torch.equal(one, other) for one, other in zip(theirs(x_BCYX), ours(x_BCYX), strict=True))
    assert flops(ours) == pytest.approx(1.498e9, rel=1e-3)
    assert flops(theirs) == pytest.approx(2.804e9, rel=1e-3)


def test_everyone_has_as_many_turns():
    """And one before the clock runs."""
    turns = {"a": 0, "b": 0}

    def turn(name: str) -> None:
        turns[name] += 1

    timings = take_turns({name: lambda name=name: turn(name) for name in turns}, rounds=5, repeats=1)
    assert turns == {"a": 6, "b": 6}
    assert all(0 <= timing.wall_quartiles_ms[0] <= timing.wall_ms <= timing.wall_quartiles_ms[1] for timing in timings.values())
