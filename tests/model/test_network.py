"""The two architectures and the two heads of Nemcek 2021, §II-C, and ours."""

from dataclasses import replace

import pytest
import torch

from ich_node.model.network import WIDTHS, MilNetwork, NetworkSpec


@pytest.mark.parametrize(
    ("architecture", "stride", "convolutions"), [("paper", 4, 18), ("published", 8, 12)]
)
@pytest.mark.parametrize("head", ["max", "attention"])
def test_maps_have_the_resolution_that_the_architecture_says(
    architecture, stride, convolutions, head
):
    """Paper: 3 levels of 3 residual blocks of 2 convolutions, map at 1/4; published: 12
    convolutions, map at 1/8.
    """
    network = MilNetwork(NetworkSpec(architecture=architecture, head=head)).eval()
    with torch.inference_mode():
        output = network(torch.zeros(2, 3, 256, 256))
    assert output.logit_B.shape == (2,)
    assert output.likelihood_BYX.shape == (2, 256 // stride, 256 // stride)
    spatial = [
        module
        for module in network.features.modules()
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3)
    ]
    assert len(spatial) == convolutions


def test_the_max_head_is_the_maximum_of_its_map():
    """Eq. 1."""
    network = MilNetwork(NetworkSpec(head="max")).eval()
    with torch.inference_mode():
        output = network(torch.randn(3, 3, 128, 128))
    assert torch.equal(output.logit_B, output.likelihood_BYX.amax(dim=(1, 2)))


def test_attention_weights_sum_to_one_and_weigh_the_score():
    """Eq. 2 and 3: the logit is the score of the weighted mean, which is the weighted mean of the
    scores.
    """
    network = MilNetwork(NetworkSpec(head="attention")).eval()
    x_BCYX = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        output = network(x_BCYX)
        scores_BYX = network.head.score(network.features(x_BCYX))[:, 0]
    assert torch.allclose(output.likelihood_BYX.sum(dim=(1, 2)), torch.ones(2))
    assert torch.allclose(
        (scores_BYX * output.likelihood_BYX).sum(dim=(1, 2)), output.logit_B, atol=1e-4
    )


@pytest.mark.parametrize("head", ["max", "attention"])
def test_the_pyramid_knows_the_whole_head(head):
    """A map at 1/4, and every cell of it depends on the opposite corner of the image (after a
    step's worth of batch norm).
    """
    torch.manual_seed(0)
    network = MilNetwork(
        NetworkSpec(architecture="pyramid", widths=WIDTHS["pyramid"], head=head)
    ).eval()
    x_BCYX = torch.randn(1, 3, 256, 256, requires_grad=True)
    output = network(x_BCYX)
    assert output.likelihood_BYX.shape == (1, 64, 64)
    output.likelihood_BYX[0, 2, 2].backward()
    assert x_BCYX.grad is not None
    assert x_BCYX.grad[0, :, 200:, 200:].abs().max() > 0


@pytest.mark.parametrize("head", ["max", "attention"])
def test_a_mirrored_network_does_not_know_left_from_right(head):
    """The map of a mirrored slice is the mirrored map, and training is as without."""
    torch.manual_seed(0)
    spec = NetworkSpec(architecture="pyramid", widths=WIDTHS["pyramid"], head=head, mirrored=True)
    network = MilNetwork(spec).eval()
    x_BCYX = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        output, other = network(x_BCYX), network(x_BCYX.flip(3))
        torch.testing.assert_close(output.likelihood_BYX, other.likelihood_BYX.flip(2))
        torch.testing.assert_close(output.logit_B, other.logit_B)
        once = MilNetwork(replace(spec, mirrored=False))
        once.load_state_dict(network.state_dict())
        torch.testing.assert_close(once.train()(x_BCYX).logit_B, network.train()(x_BCYX).logit_B)
