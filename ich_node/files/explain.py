"""Whether the node would read a series, and which rule decides, without reading it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydicom import Dataset

from ich_node.errors import Refusal
from ich_node.files.answer import left_out_document, missing_document, warnings_document
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from ich_node.series.shipped_rules import SHIPPED
from ich_node.series.site_rules import SiteRules


def explained(
    datasets: Sequence[Dataset],
    *,
    rules: SelectionRules,
    site_rules: SiteRules,
    source: str | None,
    released: bool = False,
) -> dict[str, Any]:
    """outcome: read, refused or held; rules: those of the site and the shipped ones that decide,
    each with why. source: of the objects, or as if; released: no rule holds the series any more.
    """
    decision = site_rules.decide(datasets, source=source, released=released)
    decided: list[dict[str, Any]] = []
    if decision.rule:
        rule = decision.rule
        decided.append(_entry(rule.name, rule.action, decision.why, shipped=False))
    actions = {rule.name: rule.action for rule in site_rules.rules}
    decided += [
        _entry(name, actions[name], why, shipped=True) for name, why in decision.taken_away.items()
    ]
    if decision.hold:
        length = decision.hold.hold_words
        detail = f"{decision.hold.sentence}, for {length} unless it is released"
        return _ended("held", "held", detail, decided)
    try:
        decision.check_refused()
        series = read_series(datasets, rules=replace(rules, ignored=decision.ignored))
    except Refusal as refusal:
        if refusal.rule in SHIPPED:
            decided.append(_entry(refusal.rule, "refuse", refusal.why, shipped=True))
        return _ended("refused", refusal.reason, refusal.detail, decided)
    positions_mm = [slice_.position_mm for slice_ in series.slices]
    height_mm = max(positions_mm) - min(positions_mm)
    return {
        "outcome": "read",
        "reason": None,
        "detail": (
            f"{len(positions_mm)} slices over {height_mm:.0f} mm, "
            f"tilt {series.tilt_deg:.1f} degrees"
        ),
        "rules": decided,
        "left_out": left_out_document(series.left_out),
        "missing": missing_document(series.missing),
        "warnings": warnings_document(series.warnings),
    }


def rule_sentence(rule: dict[str, Any]) -> str:
    """As "rule no-perfusion: SeriesDescription 'Perfusion' matches '*perf*'; action refuse"."""
    shipped = " (shipped)" if rule["shipped"] else ""
    why = f"{rule['why']}; " if rule["why"] else ""
    return f"rule {rule['rule']}{shipped}: {why}action {rule['action']}"


def _ended(outcome: str, reason: str, detail: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "reason": reason,
        "detail": detail,
        "rules": rules,
        "left_out": [],
        "missing": [],
        "warnings": [],
    }


def _entry(name: str, action: str, why: str, *, shipped: bool) -> dict[str, Any]:
    return {"rule": name, "shipped": shipped, "action": action, "why": why}
