"""Free-response ROC: the share of boxes found against the false points a slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from ich_node.scoring.counts import share
from ich_node.scoring.points import Box, ScoredSlice, holds


@dataclass(frozen=True, kw_only=True)
class Froc:
    """What each threshold on the points' scores gives, from the strictest (no point) to the loosest
    (all points).
    """

    threshold: tuple[float, ...]
    sensitivity: tuple[float, ...]
    false_points_per_slice: tuple[float, ...]

    def sensitivity_at(self, false_points_per_slice: float) -> float:
        """The highest sensitivity that costs no more than this; nan without boxes."""
        return max(
            value
            for value, cost in zip(self.sensitivity, self.false_points_per_slice, strict=True)
            if cost <= false_points_per_slice
        )


def froc(slices: Sequence[ScoredSlice]) -> Froc:
    """Per box: a box is found at a threshold if a point inside it scores at least that."""
    scores = np.unique([point.score for scored in slices for point in scored.points])
    thresholds = np.append(scores, inf)[::-1]
    false_scores = np.sort([point.score for scored in slices for point in scored.false_points()])
    box_scores = np.sort([_box_score(box, scored) for scored in slices for box in scored.boxes])
    found = len(box_scores) - np.searchsorted(box_scores, thresholds, side="left")
    false = len(false_scores) - np.searchsorted(false_scores, thresholds, side="left")
    return Froc(
        threshold=tuple(thresholds.tolist()),
        sensitivity=tuple(share(int(number), len(box_scores)) for number in found),
        false_points_per_slice=tuple(share(int(number), len(slices)) for number in false),
    )


def _box_score(box: Box, scored: ScoredSlice) -> float:
    """The highest score inside the box; a box without a point is found at no threshold."""
    return max((point.score for point in scored.points if holds(box, point)), default=-inf)
