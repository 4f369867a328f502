"""A bundle with another PeakRule or threshold is a new file that states its origin; none is edited
in place.
"""

from dataclasses import asdict, replace
from datetime import datetime
from math import isfinite
from typing import Any

from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.bundle_header import REVISIONS, lineage_of
from ich_node.model.card import OperatingPoint
from ich_node.model.moved_rule import moved_with


def revise(
    bundle: Bundle,
    rule: PeakRule,
    *,
    who: str,
    why: str,
    at: datetime,
    threshold: float | None = None,
    evidence: dict[str, Any] | None = None,
) -> bytes:
    """The bytes of a bundle with the same weights, this rule, this threshold (None: the same) and a
    new self-check.

    Its provenance gets an entry: who, when, why, the parent's sha256, the rule and the threshold
    before, and evidence (JSON), the measurements that support the new ones. Raises BundleError for
    an impossible rule or threshold.
    """
    check_rule(rule)
    operating_point = (
        bundle.operating_point if threshold is None else OperatingPoint(threshold=threshold)
    )
    if not 0 < operating_point.threshold < 1 and threshold is not None:
        raise BundleError(f"the threshold is a probability between 0 and 1, not {threshold:g}")
    revision = {
        "at": at.isoformat(timespec="seconds"),
        "who": who,
        "why": why,
        "parent_sha256": bundle.sha256,
        "rule_before": asdict(bundle.peak_rule),
        "threshold_before": bundle.operating_point.threshold,
    }
    if evidence:
        revision["evidence"] = evidence
    provenance = bundle.card.provenance
    history = [*provenance.details.get(REVISIONS, []), revision]
    card = replace(
        bundle.card,
        peak_rule=rule,
        operating_point=operating_point,
        demonstration=bundle.demonstration,
        provenance=replace(provenance, details=provenance.details | {REVISIONS: history}),
    )
    return pack_bundle(card, bundle.weights)


def rule_for(bundle: Bundle, threshold: float) -> PeakRule:
    """The bundle's rule, so that the slices that make a series positive at this threshold have
    marks: the gate moves with the threshold unless it is off, and with the max head T stays below
    the logit of the threshold.
    """
    rule = bundle.peak_rule
    gate, likelihood = moved_with(
        threshold,
        gate=rule.slice_gate,
        likelihood=rule.min_likelihood,
        head=bundle.network_spec.head,
        calibration=bundle.calibration,
    )
    return replace(rule, slice_gate=gate, min_likelihood=likelihood)


def lineage(bundle: Bundle) -> tuple[str, ...]:
    """See BundleHeader.lineage."""
    return lineage_of(bundle.sha256, bundle.card.provenance.details)


def check_rule(rule: PeakRule) -> None:
    """Raises BundleError that names the impossible number."""
    if rule.min_distance_px < 1:
        raise BundleError(f"d is a distance of at least 1 px, not {rule.min_distance_px}")
    if not (isfinite(rule.min_prominence) and rule.min_prominence >= 0):
        raise BundleError(f"h is a height of at least 0, not {rule.min_prominence}")
    if not isfinite(rule.min_likelihood):
        raise BundleError(f"T is a height on the map, not {rule.min_likelihood}")
    if not 0 <= rule.slice_gate <= 1:
        raise BundleError(f"the gate is a probability from 0 (off) to 1, not {rule.slice_gate}")
