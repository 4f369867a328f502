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

if TYPE_CHECKING:
    from ich_node.cli.bundle_choice import ChosenBundle
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Comparison, PairedAnswers
    from ich_node.scoring.operating_point import Share

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
    from ich_node.cli.reread import jobs_words
    from ich_node.statistics import pairs

    table = pairs.table_of(found.pairs)
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
        ("only A", _ids(pairs.only(found.pairs, a=True))),
        ("only B", _ids(pairs.only(found.pairs, a=False))),
    ):
        if jobs:
            more = f" and {len(jobs) - MOST_JOBS} more (--json)" if len(jobs) > MOST_JOBS else ""
            typer.echo(f"{name} positive: {jobs_words(jobs[:MOST_JOBS])}{more}")
    if doubtful := pairs.undetermined(found.pairs):
        typer.echo(f"undetermined, which counts as not positive: {doubtful} series")
    kappa = "" if table.kappa != table.kappa else f", Cohen's kappa {table.kappa:.2f}"
    typer.echo(f"agreement: {_words(table.agreement)}{kappa}")
    p = table.mcnemar_p
    shown = "a difference is shown" if p < 0.05 else "no difference is shown"
    typer.echo(f"McNemar's exact test: p = {p:.2g}, {shown}")
    labelled = pairs.labelled(found.pairs)
    if not labelled:
        typer.echo("no verdicts on these series: sensitivity and specificity are unknown")
        return
    typer.echo(f"against the verdicts on {len(labelled)} series (95 % interval):")
    for name, shares in pairs.against_verdicts(labelled).items():
        typer.echo(f"  {name} sensitivity {_words(shares['sensitivity'])}")
        typer.echo(f"  {name} specificity {_words(shares['specificity'])}")


def _ids(found: "Sequence[PairedAnswers]") -> list[int]:
    return [pair.job_id for pair in found]


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
    from ich_node.statistics import pairs

    table = pairs.table_of(found.pairs)
    against = pairs.against_verdicts(pairs.labelled(found.pairs))
    return {
        "a": {"name": a.name, "sha256": a.sha256, "read": found.read_by_a},
        "b": {"name": b.name, "sha256": b.sha256, "read": found.read_by_b},
        "since": since.isoformat(),
        "until": until.isoformat() if until else None,
        "swept_unread": found.swept,
        "table": asdict(table),
        "only_a": _ids(pairs.only(found.pairs, a=True)),
        "only_b": _ids(pairs.only(found.pairs, a=False)),
        "agreement": _as_json(table.agreement),
        "kappa": None if table.kappa != table.kappa else table.kappa,
        "mcnemar_p": table.mcnemar_p,
        "verdicts": {
            name: {kind: _as_json(share) for kind, share in shares.items()}
            for name, shares in against.items()
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
    from ich_node.model.bundle_file import open_bundle, read_header
    from ich_node.model.card_rows import side_by_side

    for path in (a, b):
        open_bundle(path)
    rows = side_by_side(read_header(a), read_header(b))
    if as_json:
        typer.echo(
            json.dumps(
                [{"field": row.name, "a": row.left, "b": row.right} for row in rows],
                ensure_ascii=False,
            )
        )
        return
    # a kept copy is named by its hash
    heads = (a.stem[:24], b.stem[:24])
    name_width = max(len(row.name) for row in rows)
    left_width = max(len(heads[0]), *(len(row.left) for row in rows))
    typer.echo(f"  {'':{name_width}}  {heads[0]:{left_width}}  {heads[1]}")
    for row in rows:
        mark = "*" if row.differs else " "
        line = f"{mark} {row.name:{name_width}}  {row.left:{left_width}}  {row.right}"
        typer.echo(line.rstrip())


def add_to(app: typer.Typer) -> None:
    """app: the `model` commands."""
    app.command()(compare)
