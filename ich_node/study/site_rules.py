"""[[rules]] of config.toml as the rules that the series room knows; what only both together can
check.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from ich_node.config.config import Config
from ich_node.config.rules import Rule
from ich_node.errors import ConfigError, Refusal
from ich_node.series.shipped_rules import SHIPPED
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules, Span


def site_rules(config: Config) -> SiteRules:
    """Raises ConfigError for a rule that takes away what is no shipped rule."""
    for rule in config.rules:
        _check_name(rule)
    return SiteRules(
        rules=tuple(
            RuleOfSite(
                name=rule.name,
                action=rule.action,
                reason=rule.reason,
                hold_minutes=rule.hold_minutes,
                conditions=Conditions(**{**rule.conditions, **_spans(rule)}),
            )
            for rule in config.rules
        ),
        ae_titles={source.name: source.ae_title.strip() for source in config.sources},
    )


def _spans(rule: Rule) -> dict[str, Span]:
    spans = {"thickness_mm": rule.thickness_mm, "slices": rule.slices, "age_years": rule.age_years}
    return {name: Span(*span) for name, span in spans.items() if span is not None}


def rules_that_never_match(rules: SiteRules) -> Iterator[str]:
    """A sentence for each rule that is behind one that matches the same series."""
    own = [rule for rule in rules.rules if not rule.takes_away]
    for number, rule in enumerate(own):
        earlier = next(
            (one for one in own[:number] if one.conditions.holds_wherever(rule.conditions)), None
        )
        if earlier:
            yield (
                f"[[rules]] {rule.name} never matches: {earlier.name} stands before it and matches"
                " the same series"
            )


def _check_name(rule: Rule) -> None:
    where, names = f"[[rules]] {rule.name}", ", ".join(SHIPPED)
    if rule.name in SHIPPED:
        if rule.action not in ("read", "disabled"):
            raise ConfigError(
                f"{where} is a shipped rule: action 'disabled' takes it away, 'read' for the series"
                f" that match; give a rule that does '{rule.action}' another name"
            )
        return
    if rule.action != "disabled" and not _is_reason(rule.name):
        return
    if _is_reason(rule.name):
        raise ConfigError(
            f"{where}: there is no shipped rule of this name. Geometry, Hounsfield units, identity,"
            f" damage and what the pixels show are no rules and stay; the rules are: {names}"
        )
    near = get_close_matches(rule.name, SHIPPED, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; there are: {names}"
    raise ConfigError(f"{where}: there is no shipped rule of this name to disable{hint}")


def _is_reason(name: str) -> bool:
    """Whether it is the reason code of a refusal, with hyphens or underscores."""
    reasons = {kind.reason for kind in Refusal.__subclasses__()}
    return name.lower().replace("-", "_") in reasons
