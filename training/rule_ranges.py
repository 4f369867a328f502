"""Where each number of a rule is searched: between letting all in-box peaks through and none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import PeakRule
from training.candidates import UNBOUNDED, MeasuredCandidates
from training.errors import DataError
from training.tunable_slices import TunableSlice

NAMES = ("h", "T", "d", "gate")
ON_BOUND = 0.01  # share of its range within which a number lies at the end


class RuleRanges:
    """The range of each number, as quantiles of the in-box peaks. share: of these peaks that a
    number gives up.
    """

    def __init__(
        self,
        slices: Sequence[TunableSlice],
        *,
        floor: float,
        size_px: int,
        gate: bool,
        exclude_border: bool,
    ) -> None:
        inside = [(slice_, slice_.inside_NB.any(axis=1)) for slice_ in slices]
        if not any(hit_N.any() for _, hit_N in inside):
            raise DataError(
                "no map has a peak inside a box, so no rule can find one; "
                "the model does not see these bleeds"
            )
        values = np.concatenate(
            [slice_.candidates.value_N[hit_N] for slice_, hit_N in inside]
        ).astype(float)
        reaches = np.concatenate([slice_.candidates.reach_N[hit_N] for slice_, hit_N in inside])
        heights = np.concatenate(
            [prominence(slice_.candidates)[hit_N] for slice_, hit_N in inside]
        ).astype(float)
        probabilities = np.array([slice_.probability for slice_, hit_N in inside if hit_N.any()])
        self._given_up = {
            "h": np.sort(np.append(heights, 0.0)),
            "T": np.sort(np.append(values, floor)),
            "d": np.sort(np.append(np.where(reaches == UNBOUNDED, size_px, reaches), 1)).astype(
                float
            ),
            "gate": np.sort(np.append(probabilities, 0.0)),
        }
        self._exclude_border = exclude_border
        self.names = NAMES if gate else NAMES[:3]

    def rule(self, shares: dict[str, float]) -> PeakRule:
        """Rounded to six digits, so that the rule that is written is the rule that was tried."""
        at = {
            name: float(f"{np.quantile(self._given_up[name], share):.6g}")
            for name, share in shares.items()
        }
        return PeakRule(
            min_distance_px=max(1, int(at["d"])),
            min_likelihood=at["T"],
            min_prominence=at["h"],
            slice_gate=at.get("gate", 0.0),
            exclude_border=self._exclude_border,
        )

    def shares(self, rule: PeakRule) -> dict[str, float]:
        """Those of a rule, or the nearest within the ranges."""
        wanted = numbers_of(rule)
        return {
            name: float(
                np.searchsorted(self._given_up[name], wanted[name]) / len(self._given_up[name])
            )
            for name in self.names
        }

    def on_bounds(self, rule: PeakRule) -> tuple[str, ...]:
        """A sentence for each number of the rule that lies at an end of its range."""
        sentences = []
        for name in self.names:
            value = numbers_of(rule)[name]
            low, high = float(self._given_up[name][0]), float(self._given_up[name][-1])
            margin = ON_BOUND * (high - low)
            if value <= low + margin and name == "T":
                sentences.append(
                    f"T = {value:g} sits on its lower bound {low:g}, "
                    "below which 2 % of the boxes lie"
                )
            elif value <= low + (0 if name == "d" else margin):
                sentences.append(
                    f"{name} = {value:g} sits at its lower end {low:g}, "
                    "where it rejects nothing that counts"
                )
            elif value >= high - margin:
                sentences.append(
                    f"{name} = {value:g} sits on its upper bound {high:g}, "
                    "beyond which nothing in a box is found"
                )
        return tuple(sentences)


def numbers_of(rule: PeakRule) -> dict[str, float]:
    """The numbers of a rule by the paper's names."""
    return {
        "h": rule.min_prominence,
        "T": rule.min_likelihood,
        "d": float(rule.min_distance_px),
        "gate": rule.slice_gate,
    }


def prominence(candidates: MeasuredCandidates) -> NDArray[np.float32]:
    """The largest h that keeps each candidate; the range of the map for the highest ones."""
    saddled_N = np.isfinite(candidates.saddle_N)
    falls_N = candidates.value_N - np.where(saddled_N, candidates.saddle_N, np.float32(0))
    return np.where(saddled_N, falls_N, candidates.range_).astype(np.float32)
