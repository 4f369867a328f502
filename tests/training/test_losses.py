"""What is learned where only a part of a slice is known, by numbers that a hand can check."""

import math

import pytest
import torch

from training.examples import UNKNOWN
from training.losses import map_loss
from training.presets import MapLoss

LOG2 = math.log(2)  # the cross-entropy of a logit of 0, whatever is true


def masks(count: int) -> torch.Tensor:
    """Of 16 px, for maps of 2 x 2 cells; no blood anywhere."""
    return torch.zeros(count, 16, 16)


def test_a_cell_with_an_unknown_pixel_teaches_nothing():
    """One of four cells is left out, though it has blood as well."""
    mask_BYX = masks(1)
    mask_BYX[0, :8, :8] = 1
    mask_BYX[0, 7, 7] = UNKNOWN
    assert map_loss(torch.zeros(1, 2, 2), mask_BYX, MapLoss()).item() == pytest.approx(0.75 * LOG2)
    map_BYX = torch.zeros(1, 2, 2, requires_grad=True)
    map_loss(map_BYX, mask_BYX, MapLoss()).backward()
    assert map_BYX.grad is not None
    assert map_BYX.grad[0, 0, 0] == 0
    assert (map_BYX.grad[0] != 0).sum() == 3


def test_what_is_known_weighs_the_same_whatever_else_is_not():
    """Bit for bit: neither the blood of one slice nor the clean cells of another weigh more
    because the rest of the batch is unknown.
    """
    map_BYX = torch.linspace(-2, 2, 16).reshape(4, 2, 2)
    mask_BYX = masks(4)
    mask_BYX[0, :8, :8] = 1
    of_known = torch.autograd.functional.jacobian(
        lambda maps: map_loss(maps, mask_BYX, MapLoss()), map_BYX
    )
    mask_BYX[2:] = UNKNOWN
    beside_unknown = torch.autograd.functional.jacobian(
        lambda maps: map_loss(maps, mask_BYX, MapLoss()), map_BYX
    )
    assert torch.equal(of_known[:2], beside_unknown[:2])
    assert not beside_unknown[2:].any()


def test_a_batch_that_nobody_knows_costs_nothing():
    """Slices with bleeding and no mask: the slice loss alone teaches them."""
    mask_BYX = torch.full((2, 16, 16), float(UNKNOWN))
    assert map_loss(torch.randn(2, 2, 2), mask_BYX, MapLoss()).item() == 0


def test_where_all_is_known_the_loss_is_what_it_was():
    """The mean over all cells of the weighted cross-entropy, computed here by hand: one cell of
    blood with weight 4, one with a little blood left out, two clean ones.
    """
    mask_BYX = masks(1)
    mask_BYX[0, :8, :8] = 1
    mask_BYX[0, 8, 8] = 1
    map_BYX = torch.tensor([[[2.0, -1.0], [0.5, 3.0]]])
    by_hand = (
        4 * math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + math.log1p(math.exp(0.5))
    ) / 4
    assert map_loss(map_BYX, mask_BYX, MapLoss()).item() == pytest.approx(by_hand, rel=1e-6)
