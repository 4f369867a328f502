"""model compare: two bundles' cards, or their answers about the same series."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.errors import ConfigError
from ich_node.times import local

if TYPE_CHECKING:  # bundle imports torch, which a comparison of answers need not wait for
    from ich_node.cli.bundle_choice import ChosenBundle
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Comparison, PairedAnswers
    from ich_node.model.bundle import Bundle
    from ich_node.scoring.operating_point import Share
    from ich_node.scoring.paired import PairedTable

Model = Annotated[str, typer.Argument(help="A bundle file, a name, or the start of a hash.")]
MOST_JOBS = 10


def compare(
    context: typer.Context,
    a: Model,
    b: Model,
    since: Annotated[
        str | None,
        typer.Option(help="Their answers about series that arrived since then, e.g. 30d."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="With --since: only what arrived before then.")
    ] = None,
    scatter: Annotated[
        Path | None,
        typer.Option(help="With --since: draw the scores into this PNG.", dir_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare two models: their cards; with --since their answers about the same series.

    Of the cards a line that differs begins with *.
    `jobs reread` and `model shadow` let a second model read what the first has read.
    """
    if since is None:
        if until is not None or scatter is not None:
            raise ConfigError("--until and --scatter go with --since, e.g. --since 30d")
        _compare_cards(_file(context, a), _file(context, b), as_json=as_json)
        return
    from ich_node.cli.bundle_choice import chosen_bundle
    from ich_node.times import moment

    node: CliContext = context.obj
    first, second = chosen_bundle(node, a), chosen_bundle(node, b)
    if first.sha256 == second.sha256:
        raise ConfigError(f"both are {first.title}: name two models")
    now = datetime.now(UTC)
    start = moment(since, now=now)
    end = moment(until, now=now, option="--until") if until else None
    ledger = node.existing_ledger()
    found = ledger.comparing.compare(
        first.sha256,
        second.sha256,
        since=start,
        until=end,
        labels=ledger.verdicts.labels(start, end),
    )
    if scatter is not None:
        from ich_node.cli.scatter import draw_scatter

        draw_scatter(found.pairs, a=first.name, b=second.name, file=scatter)
    if as_json:
        typer.echo(json.dumps(_as_document(first, second, found, start, end), ensure_ascii=False))
        return
    _print_comparison(first, second, found, start)
    if scatter is not None:
        typer.echo(f"scores drawn in {scatter}")


def _print_comparison(
    a: "ChosenBundle", b: "ChosenBundle", found: "Comparison", since: datetime
) -> None:
    from ich_node.answer import Answer
    from ich_node.cli.reread import jobs_words

    table = _table(found.pairs)
    typer.echo(f"A: {a.title}, {found.read_by_a} series since {local(since)}")
    typer.echo(f"B: {b.title}, {found.read_by_b} series")
    if found.swept:
        typer.echo(f"swept before they were read: {found.swept}")
    if not found.pairs:
        typer.echo("no series was read by both: `ich-node jobs reread --since ... --bundle B`")
        return
    typer.echo(f"read by both: {table.total} series")
    typer.echo("")
    typer.echo("                B positive   B not")
    typer.echo(f"  A positive    {table.both:10}  {table.only_a:6}")
    typer.echo(f"  A not         {table.only_b:10}  {table.neither:6}")
    typer.echo("")
    for name, jobs in (
        ("only A", _only(found.pairs, a=True)),
        ("only B", _only(found.pairs, a=False)),
    ):
        if jobs:
            more = f" and {len(jobs) - MOST_JOBS} more (--json)" if len(jobs) > MOST_JOBS else ""
            typer.echo(f"{name} positive: {jobs_words(jobs[:MOST_JOBS])}{more}")
    doubtful = sum(Answer.UNDETERMINED in (pair.a.answer, pair.b.answer) for pair in found.pairs)
    if doubtful:
        typer.echo(f"undetermined, which counts as not positive: {doubtful} series")
    kappa = "" if table.kappa != table.kappa else f", Cohen's kappa {table.kappa:.2f}"
    typer.echo(f"agreement: {_words(table.agreement)}{kappa}")
    p = table.mcnemar_p
    shown = "a difference is shown" if p < 0.05 else "no difference is shown"
    typer.echo(f"McNemar's exact test: p = {p:.2g}, {shown}")
    labelled = [pair for pair in found.pairs if pair.bleeding is not None]
    if not labelled:
        typer.echo("no verdicts on these series: sensitivity and specificity are unknown")
        return
    typer.echo(f"against the verdicts on {len(labelled)} series (95 % interval):")
    for name, shares in _against_verdicts(labelled).items():
        typer.echo(f"  {name} sensitivity {_words(shares['sensitivity'])}")
        typer.echo(f"  {name} specificity {_words(shares['specificity'])}")


def _table(pairs: Sequence["PairedAnswers"]) -> "PairedTable":
    from ich_node.scoring.paired import paired_table

    return paired_table(_positive(pair) for pair in pairs)


def _positive(pair: "PairedAnswers") -> tuple[bool, bool]:
    from ich_node.answer import Answer

    return pair.a.answer is Answer.PRESENT, pair.b.answer is Answer.PRESENT


def _only(pairs: Sequence["PairedAnswers"], *, a: bool) -> list[int]:
    """The jobs that only the one calls positive."""
    return [pair.job_id for pair in pairs if _positive(pair) == (a, not a)]


def _against_verdicts(labelled: Sequence["PairedAnswers"]) -> dict[str, dict[str, "Share"]]:
    """Sensitivity and specificity of "A" and "B"."""
    from ich_node.scoring.operating_point import Share

    shares: dict[str, dict[str, Share]] = {}
    for number, name in enumerate("AB"):
        shares[name] = {}
        for kind, bleeding in (("sensitivity", True), ("specificity", False)):
            said = [_positive(pair)[number] for pair in labelled if pair.bleeding is bleeding]
            shares[name][kind] = Share(right=said.count(bleeding), total=len(said))
    return shares


def _words(share: "Share") -> str:
    """As '36 of 40 (90 %, 77 to 96 %)'."""
    if not share.total:
        return "unknown: there is no such series"
    low, high = share.interval
    return f"{share.right} of {share.total} ({share.value:.0%}, {low:.0%} to {high:.0%})".replace(
        "%", " %"
    )


def _as_document(
    a: "ChosenBundle",
    b: "ChosenBundle",
    found: "Comparison",
    since: datetime,
    until: datetime | None,
) -> dict[str, Any]:
    table = _table(found.pairs)
    labelled = [pair for pair in found.pairs if pair.bleeding is not None]
    return {
        "a": {"name": a.name, "sha256": a.sha256, "read": found.read_by_a},
        "b": {"name": b.name, "sha256": b.sha256, "read": found.read_by_b},
        "since": since.isoformat(),
        "until": until.isoformat() if until else None,
        "swept_unread": found.swept,
        "table": asdict(table),
        "only_a": _only(found.pairs, a=True),
        "only_b": _only(found.pairs, a=False),
        "agreement": _as_json(table.agreement),
        "kappa": None if table.kappa != table.kappa else table.kappa,
        "mcnemar_p": table.mcnemar_p,
        "verdicts": {
            name: {kind: _as_json(share) for kind, share in shares.items()}
            for name, shares in _against_verdicts(labelled).items()
        },
        "series": [
            {
                "job": pair.job_id,
                "a": pair.a.answer,
                "b": pair.b.answer,
                "score_a": pair.a.series_probability,
                "score_b": pair.b.series_probability,
                "bleeding": pair.bleeding,
            }
            for pair in found.pairs
        ],
    }


def _as_json(share: "Share") -> dict[str, Any]:
    is_known = share.total > 0
    return {
        "right": share.right,
        "total": share.total,
        "value": share.value if is_known else None,
        "interval": list(share.interval) if is_known else None,
    }


def _file(context: typer.Context, words: str) -> Path:
    """A file, also that of a model that the ledger knows."""
    from ich_node.cli.bundle_choice import chosen_bundle

    return Path(words) if Path(words).is_file() else chosen_bundle(context.obj, words).path


def _compare_cards(a: Path, b: Path, *, as_json: bool) -> None:
    """Side by side; a line that differs begins with *."""
    from ich_node.model.bundle_file import open_bundle

    cards = [_facts(open_bundle(path)) for path in (a, b)]
    rows = [
        (name, cards[0].get(name, ""), cards[1].get(name, ""))
        for name in dict.fromkeys([*cards[0], *cards[1]])
    ]
    if as_json:
        typer.echo(
            json.dumps(
                [{"field": name, "a": left, "b": right} for name, left, right in rows],
                ensure_ascii=False,
            )
        )
        return
    # a kept copy is named by its hash
    heads = ("", a.stem[:24], b.stem[:24])
    widths = [max(len(row[column]) for row in [*rows, heads]) for column in range(2)]
    typer.echo(f"  {'':{widths[0]}}  {heads[1]:{widths[1]}}  {heads[2]}")
    for name, left, right in rows:
        mark = " " if left == right else "*"
        typer.echo(f"{mark} {name:{widths[0]}}  {left:{widths[1]}}  {right}".rstrip())


def _facts(bundle: "Bundle") -> dict[str, str]:
    """The card as dotted names and JSON values, without the self-check, which says nothing about
    the model.
    """
    card = {
        name: value
        for name, value in asdict(bundle.card).items()
        if name not in ("self_check_peaks", "format_version")
    }
    parameters = sum(tensor.numel() for tensor in bundle.weights.values())
    return dict(_flatten(card | {"sha256": bundle.sha256[:16], "weights": parameters}))


def _flatten(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [
            pair
            for key, below in value.items()
            for pair in _flatten(below, f"{name}.{key}" if name else key)
        ]
    if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        return [
            pair for index, item in enumerate(value) for pair in _flatten(item, f"{name}.{index}")
        ]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]


def add_to(app: typer.Typer) -> None:
    """app: the `model` commands."""
    app.command()(compare)
