"""Every candidate that any rule could keep, measured once: after that a PeakRule is a filter over a
few numbers for each candidate.

`find_peaks` works on the whole map (about 1 ms with the upsampling); tuning would call it thousands
of times for the same maps. What it tests can be measured once, for every h, T and d:

- value: compared with T, exclusive;
- reach: the Chebyshev distance to the nearest higher pixel. The pixel equals the dilation of size d
  exactly if reach > d;
- saddle: the highest level at which it is still connected to something higher (its merging level in
  the tree of the map's components). The h-maxima transform keeps it exactly if saddle <= value - h.

Only pixels that are a maximum among their eight neighbours can qualify for any d >= 1. The
candidates and the rule itself are those of the served detector (ich_node/detection).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.detection import candidates as served
from ich_node.detection import peaks
from ich_node.detection.candidates import Candidates
from ich_node.detection.peaks import PeakRule
from ich_node.detection.prominence import EIGHT_NEIGHBOURS

UNBOUNDED = int(np.iinfo(np.intp).max)  # the reach of a highest pixel: it is a peak for any d
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # half of the eight: every pair once


@dataclass(frozen=True, kw_only=True)
class MeasuredCandidates(Candidates):
    """The maxima of one map with the numbers by which any rule keeps or drops them."""

    reach_N: NDArray[np.intp]
    saddle_N: NDArray[np.float32]


def find_candidates(
    likelihood_YX: NDArray[np.float32], floor: float = -np.inf
) -> MeasuredCandidates:
    """likelihood_YX: the map on the input grid, as `find_peaks` gets it. floor: no rule that will
    be tried has a lower T.
    """
    found = served.find_candidates(likelihood_YX, floor=floor, within_px=1)
    saddle_YX = _saddles(likelihood_YX) if len(found) else likelihood_YX
    return MeasuredCandidates(
        row_N=found.row_N,
        column_N=found.column_N,
        value_N=found.value_N,
        shape_YX=found.shape_YX,
        range_=found.range_,
        reach_N=_reach(likelihood_YX, found.row_N, found.column_N),
        saddle_N=saddle_YX[found.row_N, found.column_N],
    )


def keep(candidates: MeasuredCandidates, rule: PeakRule) -> NDArray[np.bool_]:
    """Which candidates `find_peaks` would return for this rule, in the same order."""
    passes_N = (candidates.value_N > rule.min_likelihood) & (
        candidates.reach_N > rule.min_distance_px
    )

    def prominent(passes_N: NDArray[np.bool_]) -> NDArray[np.bool_]:
        # in double precision, as the flood: h may be less than the step of a float32
        level_N = candidates.value_N.astype(np.float64) - rule.min_prominence
        return passes_N & (candidates.saddle_N <= level_N)

    return peaks.keep(candidates, rule, passes_N=passes_N, prominent=prominent)


def _reach(
    likelihood_YX: NDArray[np.float32], row_N: NDArray[np.intp], column_N: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Chebyshev distance to the nearest higher pixel; UNBOUNDED where there is none. By bisection
    over the size of a window, for all candidates at once.
    """
    value_N = likelihood_YX[row_N, column_N]
    pyramid = _pyramid(likelihood_YX)
    free_N = np.zeros(len(row_N), dtype=np.intp)  # no higher pixel within this distance
    # a higher one within this, or it is the whole map
    stopped_N = np.full(len(row_N), max(likelihood_YX.shape), dtype=np.intp)
    while (open_N := stopped_N - free_N > 1).any():
        middle_N = (free_N + stopped_N) // 2
        clear_N = _window_maximum(pyramid, row_N, column_N, middle_N) <= value_N
        free_N = np.where(open_N & clear_N, middle_N, free_N)
        stopped_N = np.where(open_N & ~clear_N, middle_N, stopped_N)
    highest_N = value_N == likelihood_YX.max()
    return np.where(highest_N, UNBOUNDED, stopped_N)


def _pyramid(likelihood_YX: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """pyramid[k][y, x]: the maximum of the square of 2^k pixels whose first corner is (y, x)."""
    pyramid = [likelihood_YX]
    side = 1
    while 2 * side <= min(likelihood_YX.shape):
        below_YX = pyramid[-1]
        columns_YX = np.maximum(below_YX[:, :-side], below_YX[:, side:])
        pyramid.append(np.maximum(columns_YX[:-side], columns_YX[side:]))
        side *= 2
    return pyramid


def _window_maximum(
    pyramid: list[NDArray[np.float32]],
    row_N: NDArray[np.intp],
    column_N: NDArray[np.intp],
    half_N: NDArray[np.intp],
) -> NDArray[np.float32]:
    """The maximum of the window of half_N around each pixel, cut at the border: covered by
    overlapping squares of 2^k pixels.
    """
    rows, columns = pyramid[0].shape
    top_N, bottom_N = np.maximum(row_N - half_N, 0), np.minimum(row_N + half_N, rows - 1) + 1
    left_N, right_N = (
        np.maximum(column_N - half_N, 0),
        np.minimum(column_N + half_N, columns - 1) + 1,
    )
    maximum_N = np.full(len(row_N), -np.inf, dtype=np.float32)
    level_N = np.log2(np.minimum(bottom_N - top_N, right_N - left_N)).astype(np.intp)
    for level in np.unique(level_N):
        at = np.flatnonzero(level_N == level)
        side, squares_YX = 2**level, pyramid[level]
        for row in _steps(top_N[at], bottom_N[at], side):
            for column in _steps(left_N[at], right_N[at], side):
                maximum_N[at] = np.maximum(maximum_N[at], squares_YX[row, column])
    return maximum_N


def _steps(
    first_N: NDArray[np.intp], end_N: NDArray[np.intp], side: int
) -> Iterator[NDArray[np.intp]]:
    """First corners of squares that together cover [first, end) of each, the last one flush with
    the end.
    """
    for step in range(-(-int((end_N - first_N).max()) // side)):
        yield np.minimum(first_N + step * side, end_N - side)


def _saddles(likelihood_YX: NDArray[np.float32]) -> NDArray[np.float32]:
    """At each maximum the level at which it joins something higher; -inf for the highest.

    Every pixel climbs to a maximum by its highest neighbour. Between two such basins the pass is
    the highest pair of touching pixels (the lower of the two counts); merging basins from the
    highest pass down gives the levels (Kruskal).
    """
    summit_P = _summits(likelihood_YX)
    value_P = likelihood_YX.ravel()
    saddle_P = np.full(value_P.size, -np.inf, dtype=np.float32)
    leader: dict[int, int] = {}
    # the maxima of a merged component that share its highest value
    highest: dict[int, list[int]] = {}

    def lead(summit: int) -> int:
        while (above := leader.get(summit, summit)) != summit:
            leader[summit] = leader.get(above, above)
            summit = above
        return summit

    for level, one, other in _passes(summit_P.reshape(likelihood_YX.shape), likelihood_YX):
        one, other = lead(one), lead(other)
        if one == other:
            continue
        if value_P[one] < value_P[other]:
            one, other = other, one
        leader[other] = one
        lower = highest.pop(other, [other])
        if value_P[one] > value_P[other]:
            saddle_P[lower] = level
        else:
            highest[one] = highest.pop(one, [one]) + lower
    return saddle_P[summit_P].reshape(likelihood_YX.shape)


def _summits(likelihood_YX: NDArray[np.float32]) -> NDArray[np.intp]:
    """For every pixel the flat index of the maximum that it climbs to; a plateau of maxima is named
    by its first pixel.
    """
    rows, columns = likelihood_YX.shape
    padded_YX = np.pad(likelihood_YX, 1, constant_values=-np.inf)
    best_YX = np.full(likelihood_YX.shape, -np.inf, dtype=np.float32)
    up_YX = np.arange(rows * columns).reshape(rows, columns)
    flat_YX = up_YX.copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            neighbour_YX = padded_YX[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]
            better_YX = neighbour_YX > best_YX
            best_YX = np.where(better_YX, neighbour_YX, best_YX)
            up_YX = np.where(better_YX, flat_YX + down * columns + right, up_YX)
    maximum_YX = best_YX == likelihood_YX
    # 0 is there too: not every pixel is a maximum
    plateau_YX, _ = ndimage.label(maximum_YX, structure=EIGHT_NEIGHBOURS)
    _, first_L = np.unique(plateau_YX, return_index=True)
    up_P = np.where(maximum_YX, first_L[plateau_YX], up_YX).ravel()
    while not np.array_equal(further_P := up_P[up_P], up_P):
        up_P = further_P
    return up_P


def _passes(
    summit_YX: NDArray[np.intp], likelihood_YX: NDArray[np.float32]
) -> Iterator[tuple[np.float32, int, int]]:
    """(level, summit, summit) of the highest pass between every two neighbouring basins, highest
    first.
    """
    levels, pairs = [], []
    for down, right in NEIGHBOURS:
        here = np.s_[: -down or None, max(0, -right) : -right if right > 0 else None]
        there = np.s_[down:, max(0, right) : right if right < 0 else None]
        crosses_YX = summit_YX[here] != summit_YX[there]
        levels.append(np.minimum(likelihood_YX[here], likelihood_YX[there])[crosses_YX])
        pairs.append(
            np.sort(
                np.stack([summit_YX[here][crosses_YX], summit_YX[there][crosses_YX]], axis=1),
                axis=1,
            )
        )
    level_E, pair_E2 = np.concatenate(levels), np.concatenate(pairs)
    order_E = np.argsort(-level_E, kind="stable")
    level_E, pair_E2 = level_E[order_E], pair_E2[order_E]
    _, first_E = np.unique(pair_E2[:, 0] * summit_YX.size + pair_E2[:, 1], return_index=True)
    for edge in np.sort(first_E):
        yield level_E[edge], int(pair_E2[edge, 0]), int(pair_E2[edge, 1])
