"""At which thresholds a bundle finds the bleeds of known heads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import Peak, PeakRule, find_peaks, upsample
from ich_node.detection.reading import LikelihoodMap
from ich_node.model.bundle import Bundle
from ich_node.model.calibration import Calibration
from ich_node.model.detector import Detector
from ich_node.model.moved_rule import BELOW_THRESHOLD
from training.adapt.known_head import NEAR_MM, KnownBleed, KnownHead
from training.datasets import Box

LEAST_BLOOD_MM2 = 9.7  # in a slice, for it to be positive, as in a pool
FAINTEST = 1e-3  # probability of the faintest peaks that are looked at


@dataclass(frozen=True, kw_only=True)
class Peaked:
    """The highest peak on a bleed in one slice: the logit of the slice, and the value of the map at
    the peak.
    """

    slice_logit: float
    likelihood: float


@dataclass(frozen=True, kw_only=True)
class ReadBleed:
    """peaks: of the slices that show it and have a peak on it."""

    bleed: KnownBleed
    peaks: tuple[Peaked, ...]


@dataclass(frozen=True, kw_only=True)
class ReadHead:
    """A known head after one network. logit_S, bleeding_S: of its slices."""

    head: KnownHead
    logit_S: NDArray[np.float64] = field(repr=False)
    bleeding_S: NDArray[np.bool_] = field(repr=False)
    bleeds: tuple[ReadBleed, ...]


def read_heads(
    heads: Sequence[KnownHead],
    detector: Detector,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[ReadHead]:
    """Read each head as the node does; peaks are those of the bundle's rule, whatever their
    height.
    """
    found = []
    for done, head in enumerate(heads, start=1):
        found.append(_read(head, detector))
        progress(done, len(heads))
    return found


def finds_from(read: ReadBleed, rule: PeakRule, calibration: Calibration, *, head: str) -> float:
    """The highest threshold at which the bleed is found: it has a mark, on a slice at or above the
    threshold. 0: at none.

    The rule moves with the threshold as moved_with says: the gate is the threshold, and with the
    max head T is at least BELOW_THRESHOLD below the threshold's logit. So a peak above T counts up
    to the probability of its slice, and a lower one as long as the threshold is that much higher
    than the peak.
    """
    highest = 0.0
    for peak in read.peaks:
        allowed = 1.0 if peak.likelihood > rule.min_likelihood else 0.0
        if not allowed and head == "max":
            allowed = calibration.probability(peak.likelihood + BELOW_THRESHOLD)
        highest = max(highest, min(allowed, calibration.probability(peak.slice_logit)))
    return highest


def rule_after(rule: PeakRule, *, before: Calibration, after: Calibration, head: str) -> PeakRule:
    """The rule for a network with a new calibration: with the max head T, a logit, stays at the
    same probability.
    """
    if head != "max":
        return rule
    scaled = (rule.min_likelihood + before.shift) / before.temperature
    return replace(rule, min_likelihood=round(scaled * after.temperature - after.shift, 4))


def _read(head: KnownHead, detector: Detector) -> ReadHead:
    maps = detector.read(head.series).maps
    shown: dict[int, list[tuple[int, KnownBleed]]] = {}
    for number, bleed in enumerate(head.bleeds):
        for index in bleed.boxes:
            shown.setdefault(index, []).append((number, bleed))
    slack_px = NEAR_MM / head.pixel_mm
    peaks: list[list[Peaked]] = [[] for _ in head.bleeds]
    for index, bleeds in shown.items():
        map_ = maps[index]
        near_YX = head.near_YX(index)
        candidates = [
            peak for peak in _peaks(map_, detector.bundle) if near_YX[peak.row, peak.column]
        ]
        for number, bleed in bleeds:
            on_it = [peak for peak in candidates if _lies_in(bleed.boxes[index], peak, slack_px)]
            if on_it:
                highest = max(peak.likelihood for peak in on_it)
                peaks[number].append(Peaked(slice_logit=map_.logit, likelihood=highest))
    return ReadHead(
        head=head,
        logit_S=np.array([map_.logit for map_ in maps]),
        bleeding_S=head.bleeding_S(LEAST_BLOOD_MM2),
        bleeds=tuple(
            ReadBleed(bleed=bleed, peaks=tuple(found))
            for bleed, found in zip(head.bleeds, peaks, strict=True)
        ),
    )


def _peaks(map_: LikelihoodMap, bundle: Bundle) -> tuple[Peak, ...]:
    """With the bundle's h and d. A lower T adds peaks and changes no other one."""
    rule = bundle.peak_rule
    lowest = rule.min_likelihood
    if bundle.network_spec.head == "max":
        lowest = min(lowest, bundle.calibration.logit(FAINTEST))
    if map_.likelihood_YX.max() <= lowest:
        return ()
    return tuple(
        find_peaks(
            upsample(map_.likelihood_YX, map_.size_px),
            replace(rule, slice_gate=0.0, min_likelihood=lowest),
        )
    )


def _lies_in(box: Box, peak: Peak, slack_px: float) -> bool:
    return (
        box.row0 - slack_px <= peak.row < box.row1 + slack_px
        and box.column0 - slack_px <= peak.column < box.column1 + slack_px
    )
