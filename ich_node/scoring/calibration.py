"""What a bundle needs besides weights, from the validation slices: calibration, threshold, first
peak rule.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ich_node.detection.peaks import PeakRule
from ich_node.model.calibration import Calibration

SPECIFICITY = 0.95  # of the series without bleeding below the threshold
SLICES_A_SERIES = 30
TAIL = 0.05  # of the slices without bleeding, by which the rest is estimated
PEAK_SPECIFICITY = 0.95  # of the slices without bleeding that have no peak
MIN_DISTANCE_PX = 12
PROMINENCE = 0.5  # of a map of logits
SHARE_OF_PEAK = 0.25  # of T, as the prominence of a map of attention weights
REACHED = 0.95  # of the slices with bleeding have an attention weight above T


def calibrate(logit_N: NDArray[np.float32], label_N: NDArray[np.bool_]) -> Calibration:
    """Platt scaling: the shift and temperature with the least cross-entropy to Platt's targets,
    which keep the result finite for any data.
    """
    positives, negatives = int(label_N.sum()), int((~label_N).sum())
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    logit = torch.from_numpy(logit_N.astype(np.float64))
    target = torch.from_numpy(np.where(label_N, high, low))
    shift = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    log_temperature = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [shift, log_temperature], max_iter=200, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(
            (logit + shift) / log_temperature.exp(), target
        )
        loss.backward()
        return loss

    optimiser.step(closure)
    return Calibration(
        shift=round(shift.item(), 4), temperature=round(log_temperature.exp().item(), 4)
    )


def series_threshold(
    logit_N: NDArray[np.float32],
    label_N: NDArray[np.bool_],
    series_N: NDArray[np.intp],
    calibration: Calibration,
) -> float:
    """The probability below which SPECIFICITY of the series without bleeding lie, each by its
    highest slice.

    For single slices without series, and where every series bleeds, it is estimated for series of
    SLICES_A_SERIES slices.
    """
    bleeding = np.unique(series_N[label_N])
    healthy_N = ~np.isin(series_N, bleeding)
    series, slices_S = np.unique(series_N[healthy_N], return_counts=True)
    if slices_S.max(initial=0) > 1:
        highest = [logit_N[healthy_N & (series_N == one)].max() for one in series]
        logit = float(np.quantile(highest, SPECIFICITY))
    else:
        logit = _beyond(logit_N[~label_N], SPECIFICITY ** (1 / SLICES_A_SERIES))
    return round(calibration.probability(logit), 4)


def _beyond(value_N: NDArray[np.float32], share: float) -> float:
    """The quantile of a share too near to 1 for the sample: an exponential distribution is fitted
    to the highest TAIL of the values.
    """
    start = float(np.quantile(value_N, 1 - TAIL))
    excess = float((value_N[value_N > start] - start).mean()) if (value_N > start).any() else 0.0
    return start + excess * float(np.log(TAIL / (1 - share)))


def first_rule(
    logit_N: NDArray[np.float32],
    highest_N: NDArray[np.float32],
    label_N: NDArray[np.bool_],
    *,
    head: str,
    gate: float,
) -> PeakRule:
    """A rule to start from; `ich-node tune` finds a better one. highest_N: the maximum of each
    slice's map, before upsampling.
    """
    if head == "max":
        lowest, prominence = float(np.quantile(logit_N[~label_N], PEAK_SPECIFICITY)), PROMINENCE
    else:
        lowest = float(np.quantile(highest_N[label_N], 1 - REACHED))
        prominence = lowest * SHARE_OF_PEAK
    return PeakRule(
        min_distance_px=MIN_DISTANCE_PX,
        min_likelihood=float(f"{lowest:.4g}"),
        min_prominence=float(f"{prominence:.4g}"),
        slice_gate=gate,
    )
