"""rules show: the rules of the site and the shipped ones. jobs release: a hold is taken back."""

import json
import math
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.who import who

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.series.shipped_rules import ShippedRule
    from ich_node.series.site_rules import RuleOfSite, SiteRules

WIDTH = 80
FIXED = (
    "Geometry, Hounsfield units, identity, damage and what the pixels show have no rule: nothing"
    " takes them away."
)

app = typer.Typer(
    no_args_is_help=True, help="Which series are read, by the words of their headers."
)


@app.command()
def show(
    context: typer.Context,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Only the shipped rules, with all their words.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the rules in the order in which they hold: those of the site, then the shipped ones."""
    from ich_node.series.shipped_rules import SHIPPED
    from ich_node.study.site_rules import site_rules

    node: CliContext = context.obj
    rules = site_rules(node.config)
    own = [] if shipped else [rule for rule in rules.rules if not rule.takes_away]
    if as_json:
        document = {
            "site": [_site_document(rule) for rule in own],
            "shipped": [_shipped_document(rule, rules) for rule in SHIPPED.values()],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    if not shipped:
        typer.echo("Rules of the site ([[rules]]), the first that matches decides:")
        for number, rule in enumerate(own, start=1):
            _print(f"{number}. {_headline(rule)}")
            _print(_conditions(rule), indent=5)
        if not own:
            typer.echo("  none")
        typer.echo("Shipped rules, for what no rule of the site decides:")
    for shipped_rule in SHIPPED.values():
        _print(
            f"{shipped_rule.name}: refuses as {shipped_rule.refuses}{_away(shipped_rule, rules)}"
        )
        _print(f"{shipped_rule.says}; looks at {', '.join(shipped_rule.looks_at)}", indent=5)
        if shipped:
            _print_words(shipped_rule)
    if not shipped:
        typer.echo(textwrap.fill(FIXED, WIDTH))


def release(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help=WORDS)],
) -> None:
    """Let held jobs be read now: rules with the action hold do not apply to them any more."""
    ledger = context.obj.ledger_in_place().holds
    for job_id in job_ids(context, jobs):
        ledger.release(job_id, now=datetime.now(UTC), who=who())
        typer.echo(f"job {job_id} is released and will be read")


def _headline(rule: "RuleOfSite") -> str:
    minutes = f" for {rule.hold_words}" if rule.action == "hold" else ""
    reason = f', "{rule.reason}"' if rule.reason else ""
    return f"{rule.name}: {rule.action}{minutes}{reason}"


def _conditions(rule: "RuleOfSite") -> str:
    from ich_node.series.site_rules import Span, span_words

    words = []
    for name, value in rule.conditions.given().items():
        if isinstance(value, Span):
            words.append(f"{name} {span_words(value)}")
        elif isinstance(value, bool):
            words.append(f"{name}: {'yes' if value else 'no'}")
        else:
            assert isinstance(value, tuple)
            words.append(f"{name} {' or '.join(value)}")
    return "; ".join(words)


def _away(rule: "ShippedRule", rules: "SiteRules") -> str:
    """What a rule of the site makes of it."""
    for own in rules.rules:
        if own.name == rule.name:
            if own.action == "disabled":
                return " - DISABLED by config.toml"
            return f" - not where config.toml says read: {_conditions(own)}"
    return ""


def _print_words(rule: "ShippedRule") -> None:
    for code, value in rule.codes.items():
        _print(f"{code.replace('_', ' ')}: {value}", indent=5)
    if rule.values:
        _print(f"values: {', '.join(rule.values)}", indent=5)
    for meaning, languages in rule.words.items():
        for language, words in languages.items():
            _print(f"{meaning.replace('_', ' ')}, {language}: {words}", indent=5)


def _print(text: str, *, indent: int = 2) -> None:
    typer.echo(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _site_document(rule: "RuleOfSite") -> dict[str, Any]:
    return {
        "name": rule.name,
        "action": rule.action,
        "reason": rule.reason or None,
        "hold_minutes": rule.hold_minutes if rule.action == "hold" else None,
        "conditions": {
            name: [None if math.isinf(end) else end for end in value]
            if isinstance(value, tuple) and not all(isinstance(end, str) for end in value)
            else value
            for name, value in rule.conditions.given().items()
        },
    }


def _shipped_document(rule: "ShippedRule", rules: "SiteRules") -> dict[str, Any]:
    own = next((_site_document(each) for each in rules.rules if each.name == rule.name), None)
    return {
        "name": rule.name,
        "refuses": rule.refuses,
        "looks_at": list(rule.looks_at),
        "says": rule.says,
        "words": rule.words,
        "values": list(rule.values),
        "codes": rule.codes,
        "taken_away": own,
    }


def add_to(root: typer.Typer) -> None:
    from ich_node.cli import jobs

    root.add_typer(app, name="rules")
    jobs.app.command()(release)
