"""The published detector by scikit-image, which tests and benchmarks compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.feature import peak_local_max
from skimage.morphology import h_maxima
from skimage.transform import resize

from ich_node.detection.peaks import PeakRule


def published_upsampling(likelihood_YX: NDArray[np.float32], size_px: int) -> NDArray[Any]:
    """Bilinear, with mirrored edges."""
    return np.asarray(resize(likelihood_YX, (size_px, size_px), order=1))


def published_detector(likelihood_YX: NDArray[Any], rule: PeakRule) -> list[tuple[int, int]]:
    """(row, column) of maxima by dilation, above T and d apart; then of those the ones that the
    h-maxima transform keeps.
    """
    candidates_N2 = peak_local_max(
        likelihood_YX,
        min_distance=rule.min_distance_px,
        threshold_abs=rule.min_likelihood,
        exclude_border=rule.exclude_border,
    )
    candidates = [(int(row), int(column)) for row, column in candidates_N2]
    if rule.min_prominence <= 0 or not candidates:
        return candidates
    kept_YX = h_maxima(likelihood_YX, rule.min_prominence)
    return [candidate for candidate in candidates if kept_YX[candidate]]
