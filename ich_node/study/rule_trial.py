"""What drafts of rules would do with series that were received. Nothing is changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ich_node.config.config import Config
from ich_node.config.places import replaced
from ich_node.config.rules import Rule
from ich_node.ledger import Instance, Job
from ich_node.series.rule_facts import RuleFacts
from ich_node.series.site_rules import Conditions, RuleDecision, RuleOfSite, SiteRules
from ich_node.spool import Spool
from ich_node.study.headers import JobHeaders
from ich_node.study.site_rules import site_rules


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What rules do with a series. rule, action, why: of the one that decides; "" if none does, so
    that the shipped rules and the pixels decide. taken_away: shipped rules that do not hold for it.
    """

    rule: str
    action: str
    why: str
    taken_away: tuple[str, ...]

    @property
    def does(self) -> tuple[str, tuple[str, ...]]:
        """Two effects that do the same are equal in this."""
        return self.action, self.taken_away


@dataclass(frozen=True, kw_only=True)
class Trial:
    """now: what the rules of config.toml do; then: the same with the drafts. None: its files were
    removed, or no header of it can be read. matches: one of the drafts decides, or takes a shipped
    rule away. fails: otherwise the conditions of the first draft that do not hold.
    """

    job: Job
    now: Effect | None = None
    then: Effect | None = None
    matches: bool = False
    fails: tuple[str, ...] = ()

    @property
    def is_readable(self) -> bool:
        return self.then is not None

    @property
    def changes(self) -> bool:
        return self.now is not None and self.then is not None and self.now.does != self.then.does


def tried(
    drafts: Sequence[Rule],
    jobs: Sequence[Job],
    *,
    config: Config,
    spool: Spool,
    instances: Callable[[Job], Sequence[Instance]],
) -> Iterator[Trial]:
    """A draft with the name of a rule of config.toml stands in its place, the others stand before
    all of them. Raises ConfigError for a draft that takes away what is no shipped rule.
    """
    current, drafted = site_rules(config), site_rules(with_drafts(config, drafts))
    names = {draft.name for draft in drafts}
    first = next(rule for rule in drafted.rules if rule.name == drafts[0].name)
    headers = JobHeaders(spool=spool, instances=instances)
    for job in jobs:
        facts = headers.rule_facts(job)
        if facts is None:
            yield Trial(job=job)
            continue
        then = _effect(drafted.decide_on(facts))
        matches = bool(names & {then.rule, *then.taken_away})
        yield Trial(
            job=job,
            now=_effect(current.decide_on(facts)),
            then=then,
            matches=matches,
            fails=() if matches else tuple(_fails(drafted, first, facts)),
        )


def with_drafts(config: Config, drafts: Sequence[Rule]) -> Config:
    by_name = {draft.name: draft for draft in drafts}
    own = [by_name.pop(rule.name, rule) for rule in config.rules]
    return replaced(config, rules=(*by_name.values(), *own))


def _effect(decision: RuleDecision) -> Effect:
    rule = decision.rule
    return Effect(
        rule=rule.name if rule else "",
        action=rule.action if rule else "",
        why=decision.why,
        taken_away=tuple(sorted(decision.taken_away)),
    )


def _fails(rules: SiteRules, rule: RuleOfSite, facts: RuleFacts) -> Iterator[str]:
    """The conditions that do not hold, each looked at by itself."""
    for name in rule.conditions.given():
        alone = Conditions(**{name: getattr(rule.conditions, name)})
        if rules.match(replace(rule, conditions=alone), facts) is None:
            yield name
