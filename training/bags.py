"""Series of which only the label is known: at least one slice bleeds, and nobody knows which.

The logit of such a bag is the highest of its slices, so its gradient is that of one slice. All of
them are looked at first, without a gradient, and the highest is learned from as a slice that
bleeds: a step keeps its memory and its batch norm, whatever the number of slices (Campanella et
al. 2019, Nat Med 25:1301, learn so from whole slides).
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ich_node.model.network import MilNetwork, MilOutput
from training.examples import Examples
from training.samples import Sample

AT_ONCE = 16  # slices that are looked at together


def highest_of_bags(
    samples: Sample, network: MilNetwork, pooled: Callable[[MilOutput], Tensor]
) -> Sample:
    """One slice of each example: itself, or the highest of its bag. pooled: the slice logit that is
    learned from.

    The network is looked at as it is served, without its mirror image, and is left in evaluation
    mode. Without bags nothing is looked at, and the samples are returned as they are.
    """
    place_B = samples.place
    size_E = torch.bincount(place_B)
    if len(size_E) == len(place_B):
        return samples
    in_bag_K = torch.nonzero(size_E[place_B] > 1)[:, 0]
    logit_B = torch.zeros(len(place_B))
    logit_B[in_bag_K] = _logits(samples.image_CYX[in_bag_K], network, pooled)
    chosen_E = torch.tensor(
        [int(_highest(logit_B, place_B, place)) for place in range(len(size_E))]
    )
    return Sample(*(tensor[chosen_E.to(tensor.device)] for tensor in samples))


def of_examples(value_N: NDArray[np.float32], examples: Examples) -> NDArray[np.float32]:
    """The values of slices as those of examples: of a bag the highest."""
    highest_E: NDArray[np.float32] = np.maximum.reduceat(value_N, examples.start_E[:-1])
    return highest_E


def _highest(logit_B: Tensor, place_B: Tensor, place: int) -> Tensor:
    own = torch.nonzero(place_B == place)[:, 0]
    return own[logit_B[own].argmax()]


def _logits(
    image_BCYX: Tensor, network: MilNetwork, pooled: Callable[[MilOutput], Tensor]
) -> Tensor:
    network.eval()
    with torch.no_grad():
        return torch.cat(
            [
                pooled(network.head(network.features(some_BCYX))).float().cpu()
                for some_BCYX in image_BCYX.split(AT_ONCE)
            ]
        )
