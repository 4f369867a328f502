"""A bundle with another PeakRule is a new file that states its origin; none is edited in place."""

from dataclasses import asdict, replace
from datetime import datetime
from math import isfinite
from typing import Any

from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, pack_bundle
from ich_node.model.bundle_header import REVISIONS


def revise(
    bundle: Bundle,
    rule: PeakRule,
    *,
    who: str,
    why: str,
    at: datetime,
    evidence: dict[str, Any] | None = None,
) -> bytes:
    """The bytes of a bundle with the same weights, this rule and a new self-check.

    Its provenance gets an entry: who, when, why, the parent's sha256, the rule before, and evidence
    (JSON), the measurements that support the new rule. Raises BundleError for an impossible rule.
    """
    check_rule(rule)
    revision = {
        "at": at.isoformat(timespec="seconds"),
        "who": who,
        "why": why,
        "parent_sha256": bundle.sha256,
        "rule_before": asdict(bundle.peak_rule),
    }
    if evidence:
        revision["evidence"] = evidence
    provenance = bundle.card.provenance
    history = [*provenance.details.get(REVISIONS, []), revision]
    card = replace(
        bundle.card,
        peak_rule=rule,
        demonstration=bundle.demonstration,
        provenance=replace(provenance, details=provenance.details | {REVISIONS: history}),
    )
    return pack_bundle(card, bundle.weights)


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
