"""LikelihoodMap -> Peaks: the detector of Nemcek 2021 §II-D, exactly, without flooding the whole
map.

Candidates are the maxima of the map (candidates.py). Those are kept that are higher than T, at
least d apart, and stand out by h (h-maxima transform). Points and their order are those of
`skimage.feature.peak_local_max` and `skimage.morphology.h_maxima`, which take 15 to 30 times as
long (benchmarks/detector.py).

`keep` is the only place that applies a PeakRule. Its callers find out which candidates are
prominent in the way that costs them least: serving applies one rule to a map and floods the
surroundings of a few candidates (prominence.py); tuning tries thousands of rules on a map and
computes the saddle of every candidate once (training/candidates.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.bilinear import enlarging, resample
from ich_node.detection.candidates import Candidates, find_candidates
from ich_node.detection.prominence import are_prominent

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PeakRule:
    """What counts as a peak. Tuned, never guessed.

    min_distance_px: d, Chebyshev, at least 1, in pixels of the network input. min_likelihood: T, in
    the map's unit, exclusive. min_prominence: h, in the map's unit. slice_gate: a slice whose
    probability is lower has no peaks; 0 switches it off. exclude_border: drop peaks nearer than d
    to the edge, as the published detector does.
    """

    min_distance_px: int
    min_likelihood: float
    min_prominence: float
    slice_gate: float = 0.0
    exclude_border: bool = False


@dataclass(frozen=True, kw_only=True)
class Peak:
    """A maximum, in pixels of the network input."""

    row: int
    column: int
    likelihood: float


def upsample(likelihood_YX: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    """The low-resolution map on the input grid, bilinear with mirrored edges (the published
    detector's resize).
    """
    rows, columns = likelihood_YX.shape
    return resample(likelihood_YX, enlarging(rows, size_px), enlarging(columns, size_px))


def find_peaks(likelihood_YX: NDArray[np.float32], rule: PeakRule) -> list[Peak]:
    """Local maxima that are high enough, far enough apart and stand out enough; the highest first.

    likelihood_YX: the map on the input grid. The caller applies the slice gate, since it knows the
    slice's probability.
    """
    candidates = find_candidates(
        likelihood_YX, floor=rule.min_likelihood, within_px=rule.min_distance_px
    )

    def prominent(passes_N: Mask) -> Mask:
        passes_N[passes_N] = are_prominent(
            likelihood_YX,
            candidates.row_N[passes_N],
            candidates.column_N[passes_N],
            prominence=rule.min_prominence,
            apart_px=rule.min_distance_px,
        )
        return passes_N

    # every candidate exceeds T and is the highest within d already
    kept_N = keep(
        candidates, rule, passes_N=np.ones(len(candidates), dtype=bool), prominent=prominent
    )
    return [
        Peak(row=row, column=column, likelihood=likelihood)
        for row, column, likelihood in zip(
            candidates.row_N[kept_N].tolist(),
            candidates.column_N[kept_N].tolist(),
            candidates.value_N[kept_N].tolist(),
            strict=True,
        )
    ]


def keep(
    candidates: Candidates, rule: PeakRule, *, passes_N: Mask, prominent: Callable[[Mask], Mask]
) -> Mask:
    """Which candidates are peaks by the rule.

    passes_N: the candidates that exceed T and have nothing higher within d. prominent: removes from
    a mask what is not prominent by h.
    """
    if rule.exclude_border:
        passes_N = passes_N & (candidates.edge_N >= rule.min_distance_px)
    # nothing stands out by more than the map's range
    if rule.min_prominence > candidates.range_ or not passes_N.any():
        return np.zeros_like(passes_N)
    if rule.min_distance_px > 1:
        passes_N = _spaced(candidates, passes_N, rule.min_distance_px)
    return prominent(passes_N) if rule.min_prominence > 0 else passes_N


def _spaced(candidates: Candidates, passes_N: Mask, distance_px: int) -> Mask:
    """Of candidates nearer to each other than d only the first in reading order. They are equally
    high, since nothing within d is higher than either.
    """
    place_N = np.flatnonzero(passes_N)
    value_N = candidates.value_N[place_N]
    ties_N = np.diff(value_N) == 0  # they are sorted
    if not ties_N.any():
        return passes_N
    spaced_N = passes_N.copy()
    taken_YX = np.zeros(candidates.shape_YX, dtype=bool)
    tied_N = np.append(ties_N, False) | np.insert(ties_N, 0, False)
    for place in place_N[tied_N].tolist():
        row, column = int(candidates.row_N[place]), int(candidates.column_N[place])
        if taken_YX[row, column]:
            spaced_N[place] = False
        else:
            top, left = max(0, row - distance_px + 1), max(0, column - distance_px + 1)
            taken_YX[top : row + distance_px, left : column + distance_px] = True
    return spaced_N
