"""The two architectures and the two heads of Nemcek 2021, §II-C."""

import pytest
import torch

from ich_node.detection.network import MilNetwork, NetworkSpec


@pytest.mark.parametrize(("architecture", "stride", "convolutions"), [("paper", 4, 18), ("published", 8, 12)])
@pytest.mark.parametrize("head", ["max", "attention"])
def test_maps_have_the_resolution_that_the_architecture_says(architecture, stride, convolutions, head):
    """Paper: 3 levels of 3 residual blocks of 2 convolutions, map at 1/4; published: 12 convolutions, map at 1/8."""
    network = MilNetwork(NetworkSpec(architecture=architecture, head=head)).eval()
    with torch.inference_mode():
        output = network(torch.zeros(2, 3, 256, 256))
    assert output.logit_B.shape == (2,)
    assert output.likelihood_BYX.shape == (2, 256 // stride, 256 // stride)
    spatial = [
        module for module in network.features.modules() if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3)
    ]
    assert len(spatial) == convolutions


def test_the_max_head_is_the_maximum_of_its_map():
    """Eq. 1."""
    network = MilNetwork(NetworkSpec(head="max")).eval()
    with torch.inference_mode():
        output = network(torch.randn(3, 3, 128, 128))
    assert torch.equal(output.logit_B, output.likelihood_BYX.amax(dim=(1, 2)))


def test_attention_weights_sum_to_one_and_weigh_the_score():
    """Eq. 2 and 3: the logit is the score of the weighted mean, which is the weighted mean of the scores."""
    network = MilNetwork(NetworkSpec(head="attention")).eval()
    x_BCYX = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        output = network(x_BCYX)
        scores_BYX = network.head.score(network.features(x_BCYX))[:, 0]
    assert torch.allclose(output.likelihood_BYX.sum(dim=(1, 2)), torch.ones(2))
    assert torch.allclose((scores_BYX * output.likelihood_BYX).sum(dim=(1, 2)), output.logit_B, atol=1e-4)
