"""The loss functions: cross-entropy of the slice, and of the map where masks are known."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from ich_node.model.network import MilOutput
from training.examples import UNKNOWN
from training.presets import MapLoss, Sharpening


def slice_loss(logit_B: Tensor, label_B: Tensor, weights: tuple[float, float] | None) -> Tensor:
    """Cross-entropy, the plain mean of weighted slices. weights: of a slice without and with
    bleeding.
    """
    loss_B = functional.binary_cross_entropy_with_logits(logit_B, label_B, reduction="none")
    if weights:
        negative, positive = weights
        loss_B = loss_B * (negative + (positive - negative) * label_B)
    return loss_B.mean()


def map_loss(map_BYX: Tensor, mask_BYX: Tensor, spec: MapLoss) -> Tensor:
    """map_BYX: logits; mask_BYX: on the input's grid, 1 where there is blood, UNKNOWN where nobody
    knows. A cell that has an unknown pixel is left out.

    The mean is over all cells, those that are left out included: every other cell weighs what it
    weighs where all are known. Divided by the known ones alone, the fewer blood there is a mask of,
    the more would the slices without bleeding weigh, of which every cell is known.
    """
    cell_px = mask_BYX.shape[1] // map_BYX.shape[1]
    unknown_BYX = (mask_BYX == UNKNOWN).float()
    share_BYX = functional.avg_pool2d((mask_BYX * (1 - unknown_BYX))[:, None], cell_px)[:, 0]
    known_BYX = 1 - functional.max_pool2d(unknown_BYX[:, None], cell_px)[:, 0]
    positive_BYX = (share_BYX > spec.positive_share).float()
    clear_BYX = known_BYX * ((share_BYX == 0) | (positive_BYX > 0)).float()
    weight_BYX = clear_BYX * (1 + (spec.positive_weight - 1) * positive_BYX)
    return functional.binary_cross_entropy_with_logits(map_BYX, positive_BYX, weight=weight_BYX)


def sharpened(output: MilOutput, spec: Sharpening, progress: float) -> Tensor:
    """The slice logit as the log-mean-exp of a map of logits. progress: share of the training that
    is done.
    """
    sharpness = spec.first * (spec.last / spec.first) ** progress
    flat_BK = output.likelihood_BYX.flatten(1)
    logit_B: Tensor = (
        torch.logsumexp(sharpness * flat_BK, dim=1) - math.log(flat_BK.shape[1])
    ) / sharpness
    return logit_B


def class_weights(positives: int, total: int) -> tuple[float, float]:
    """Of a slice without and with bleeding: N/N- and N/N+ (paper §II-C)."""
    return total / (total - positives), total / positives
