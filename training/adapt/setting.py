"""What turns a network's output into answers: the rule, the calibration, the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import PeakRule
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import OperatingPoint
from ich_node.model.moved_rule import moved_with
from training.adapt.finding import ReadHead, finds_from
from training.training_run import Weights


@dataclass(frozen=True, kw_only=True)
class Setting:
    """rule: its gate and T count where the threshold does not move them (moved_with). head: of the
    network.
    """

    rule: PeakRule
    calibration: Calibration
    threshold: float
    head: str

    def scores(self, heads: Sequence[ReadHead]) -> NDArray[np.float64]:
        """Of every bleed, in the order of the heads: the highest threshold at which it is found."""
        return np.array(
            [
                finds_from(bleed, self.rule, self.calibration, head=self.head)
                for head in heads
                for bleed in head.bleeds
            ]
        )

    def finds(self, heads: Sequence[ReadHead]) -> list[bool]:
        """Of every bleed."""
        found: list[bool] = (self.scores(heads) >= self.threshold).tolist()
        return found

    def calls_positive(self, logits: Sequence[float]) -> list[bool]:
        """Of every series, by its highest logit."""
        return [self.calibration.probability(logit) >= self.threshold for logit in logits]

    def bundle(self, parent: Bundle, weights: Weights) -> Bundle:
        """The weights with this setting and the rest of the parent's card."""
        gate, likelihood = moved_with(
            self.threshold,
            gate=self.rule.slice_gate,
            likelihood=self.rule.min_likelihood,
            head=self.head,
            calibration=self.calibration,
        )
        card = replace(
            parent.card,
            peak_rule=replace(self.rule, slice_gate=gate, min_likelihood=likelihood),
            calibration=self.calibration,
            operating_point=OperatingPoint(threshold=self.threshold),
        )
        return load_bundle(pack_bundle(card, weights), origin="the adapted bundle")


def setting_of(bundle: Bundle) -> Setting:
    return Setting(
        rule=bundle.peak_rule,
        calibration=bundle.calibration,
        threshold=bundle.operating_point.threshold,
        head=bundle.network_spec.head,
    )
