"""The rules of the site ([[rules]] in config.toml): which series are read, refused, held or read
first. They come before the shipped rules; the first one that matches decides.

They match on words and numbers of the header. What concerns geometry, Hounsfield units, identity,
damage and the pixels has no rule, so no rule can change it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from pydicom import Dataset

from ich_node.errors import SiteRefusal
from ich_node.series.rule_facts import TEXTS, RuleFacts, rule_facts
from ich_node.series.shipped_rules import ALL_SHIPPED, SHIPPED

Action = Literal["read", "refuse", "hold", "urgent", "disabled"]
KEYWORD_OF = {
    **TEXTS,
    "thickness_mm": "SliceThickness",
    "slices": "number of slices",
    "age_years": "age in years",
}
YES_OR_NO = {
    ("contrast", True): "the header speaks of contrast agent",
    ("contrast", False): "the header speaks of no contrast agent",
    ("quality_control_image", True): "QualityControlImage is YES",
    ("quality_control_image", False): "QualityControlImage is not YES",
}


class Span(NamedTuple):
    """Both ends belong to it."""

    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """All that are given must hold; of a list, one value. Texts are patterns for the whole value,
    in any case: * stands for any characters, ? for one, [abc] for one of these.
    """

    source: tuple[str, ...] = ()
    calling: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    description: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    thickness_mm: Span | None = None
    slices: Span | None = None
    age_years: Span | None = None
    contrast: bool | None = None
    quality_control_image: bool | None = None

    def given(self) -> dict[str, object]:
        """By name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value not in ((), None)}

    def holds_wherever(self, other: "Conditions") -> bool:
        """Whether it is seen at once that what matches `other` matches this."""
        mine, others = self.given(), other.given()
        return all(name in others and others[name] == value for name, value in mine.items())


@dataclass(frozen=True, kw_only=True)
class RuleOfSite:
    """One entry of [[rules]]. reason: what people are told. A rule with the name of a shipped rule
    takes that rule away: with the action read for series that match, with disabled for all.
    """

    name: str
    action: Action
    conditions: Conditions = field(default_factory=Conditions)
    reason: str = ""
    hold_minutes: float = 60.0

    @property
    def takes_away(self) -> bool:
        return self.name in SHIPPED

    @property
    def hold_words(self) -> str:
        """As '60 minutes'."""
        return f"{self.hold_minutes:g} {'minute' if self.hold_minutes == 1 else 'minutes'}"

    @property
    def sentence(self) -> str:
        """What is told of a series that the rule refuses or holds."""
        said = self.reason.rstrip(". ") or f"a rule of the site {self.action}s the series"
        return f"{said} (rule {self.name})"


@dataclass(frozen=True, kw_only=True)
class RuleDecision:
    """rule: the one that decided, and why, for people who may see the header; None if no rule of
    the site did. taken_away: shipped rules that do not hold for the series by their names, each
    with why.
    """

    rule: RuleOfSite | None = None
    why: str = ""
    taken_away: Mapping[str, str] = field(default_factory=dict)

    @property
    def ignored(self) -> frozenset[str]:
        """All shipped rules that do not hold for the series."""
        reads = self.rule is not None and self.rule.action == "read"
        return ALL_SHIPPED if reads else frozenset(self.taken_away)

    @property
    def hold(self) -> RuleOfSite | None:
        return self.rule if self.rule and self.rule.action == "hold" else None

    @property
    def rule_name(self) -> str | None:
        return self.rule.name if self.rule else None

    def check_refused(self) -> None:
        """Raises SiteRefusal."""
        if self.rule and self.rule.action == "refuse":
            raise SiteRefusal(self.rule.sentence, rule=self.rule.name, why=self.why)


UNDECIDED = RuleDecision()


@dataclass(frozen=True, kw_only=True)
class SiteRules:
    """rules: in their order. ae_titles: of the sources, by name."""

    rules: tuple[RuleOfSite, ...] = ()
    ae_titles: Mapping[str, str] = field(default_factory=dict)

    def decide(
        self, datasets: Sequence[Dataset], *, source: str | None, released: bool = False
    ) -> RuleDecision:
        """About all objects of a series. released: an operator has taken the hold back, and rules
        that hold do not apply.
        """
        if not self.rules:
            return UNDECIDED
        return self.decide_on(rule_facts(datasets, source=source), released=released)

    def decide_on(self, facts: RuleFacts, *, released: bool = False) -> RuleDecision:
        taken_away = {
            rule.name: "; ".join(why) or "for all series"
            for rule in self.rules
            if rule.takes_away and (why := self.match(rule, facts)) is not None
        }
        for rule in self.rules:
            if rule.takes_away or (released and rule.action == "hold"):
                continue
            why = self.match(rule, facts)
            if why is not None:
                return RuleDecision(rule=rule, why="; ".join(why), taken_away=taken_away)
        return RuleDecision(taken_away=taken_away)

    def match(self, rule: RuleOfSite, facts: RuleFacts) -> list[str] | None:
        """Why each of its conditions holds; None if one does not, or if its value is not known."""
        why = []
        for name, wanted in rule.conditions.given().items():
            words = self._holds(name, wanted, facts)
            if words is None:
                return None
            why.append(words)
        return why

    @property
    def has_urgent(self) -> bool:
        return any(rule.action == "urgent" for rule in self.rules)

    def urgent_rule(self, source: str, first: Dataset) -> str | None:
        """The rule that makes a series urgent of which one object has arrived. How many slices it
        will have is not known, so a rule about that does not match.
        """
        facts = replace(rule_facts([first], source=source), slices=None)
        rule = self.decide_on(facts).rule
        return rule.name if rule and rule.action == "urgent" else None

    def _holds(self, name: str, wanted: object, facts: RuleFacts) -> str | None:
        if name in ("source", "calling"):
            value = facts.source if name == "source" else self.ae_titles.get(facts.source or "")
            assert isinstance(wanted, tuple)
            return f"{name} '{value}'" if value is not None and value in wanted else None
        value = getattr(facts, name)
        if isinstance(wanted, Span):
            if value is None or not wanted.least <= value <= wanted.most:
                return None
            return f"{KEYWORD_OF[name]} {value:.4g} is in {span_words(wanted)}"
        if isinstance(wanted, bool):
            return YES_OR_NO[name, wanted] if value is wanted else None
        assert isinstance(wanted, tuple)
        found = next((pattern for pattern in wanted if is_like(value, pattern)), None)
        return None if found is None else f"{KEYWORD_OF[name]} '{value}' matches '{found}'"


NO_SITE_RULES = SiteRules()


def is_like(value: str, pattern: str) -> bool:
    """Whether the pattern fits the whole value, in any case."""
    return fnmatchcase(value.casefold(), pattern.casefold())


def span_words(span: Span) -> str:
    most = "" if math.isinf(span.most) else f" to {span.most:g}"
    return f"{span.least:g}{most or ' and up'}"
