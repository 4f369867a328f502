"""jobs reread: what was answered is read again by another model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.who import who
from ich_node.errors import ConfigError, IchNodeError
from ich_node.times import local

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger import ReadingState, RereadPlan, SecondReading, Wanted

MOST_NAMED = 3
# by NotReread: of one series, of several
WHY_NOT = {
    "swept": ("was swept: its objects are removed", "were swept: their objects are removed"),
    "not_done": ("has no answer of a model", "have no answer of a model"),
    "known": (
        "has this model's answer, or waits for it",
        "have this model's answer, or wait for it",
    ),
    "withdrawn": (
        "was withdrawn: it is read without --deliver",
        "were withdrawn: they are read without --deliver",
    ),
    "outdated": ("has a later revision", "have later revisions"),
    "not_told": (
        "was not told: another answer of its study stands",
        "were not told: other answers of their studies stand",
    ),
}


def reread(
    context: typer.Context,
    jobs: Annotated[list[str] | None, typer.Argument(metavar="JOB", help=WORDS)] = None,
    since: Annotated[
        str | None, typer.Option(help="All that arrived since then: 2h, 30d, 2026-11-01.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="With --since: only what arrived before then.")
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(help="The model: a file, a name or a hash; default: the one that reads now."),
    ] = None,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="The new answers replace those that were told.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --deliver: do not ask.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only show what waits and what is done.")
    ] = False,
) -> None:
    """Read answered series again with another model.

    The node does it when it has nothing else to do.
    The answers only stand beside the first, unless --deliver sends them out.
    """
    from ich_node.cli.bundle_choice import active_bundle, chosen_bundle, verified_copy
    from ich_node.ledger import NewReader

    node: CliContext = context.obj
    if status:
        _print_status(node)
        return
    wanted = _wanted(context, jobs or [], since, until)
    active = active_bundle(node)
    chosen = chosen_bundle(node, bundle) if bundle else active
    plan = node.existing_ledger().rereading.plan(wanted, sha256=chosen.sha256, deliver=deliver)
    _print_left_out(plan)
    if not plan.job_ids:
        if jobs:
            raise IchNodeError("there is nothing to read again")
        typer.echo("there is nothing to read again")
        return
    count = _series(len(plan.job_ids))
    if deliver:
        names = ", ".join(each.name for each in node.config.destinations) or "no destination"
        typer.echo(f"{count} to be read again by {chosen.title}")
        typer.echo(f"the new answers replace what was told, to: {names}")
        if not yes and not typer.confirm("Read again and deliver?"):
            typer.echo("nothing was changed")
            return
    reader = NewReader(
        name=chosen.name,
        sha256=chosen.sha256,
        path=str(verified_copy(node, chosen)),
        is_active=chosen.sha256 == active.sha256,
    )
    now = datetime.now(UTC)
    asked = node.ledger().rereading.ask(plan, reader, deliver=deliver, who=who(), now=now)
    typer.echo(f"{_series(asked)} will be read again by {chosen.title},")
    typer.echo("when nothing else is to be read" + ("" if deliver else "; nothing is delivered"))
    typer.echo("`ich-node jobs reread --status` shows how far it is")


def reading_words(reading: "SecondReading") -> str:
    """One line, for `jobs show`."""
    from ich_node.ledger import ReadingState
    from ich_node.percent import percent_text

    title = f"{reading.purpose} by {reading.bundle_name} {reading.bundle_sha256[:12]}"
    if reading.state is ReadingState.DONE and reading.answer is not None:
        score = percent_text(reading.series_probability or 0.0)
        at = local(reading.read_at) if reading.read_at else ""
        return f"{title}: {reading.answer.replace('_', ' ')}, score {score}, {at}"
    return f"{title}: {state_words(reading.state)}" + (
        f", {reading.detail}" if reading.detail else ""
    )


def jobs_words(job_ids: Sequence[int]) -> str:
    """As 'job 7' or 'jobs 7, 9'."""
    noun = "job" if len(job_ids) == 1 else "jobs"
    return f"{noun} {', '.join(map(str, job_ids))}"


def state_words(state: "ReadingState") -> str:
    from ich_node.ledger import ReadingState

    return {
        ReadingState.WAITING: "waiting",
        ReadingState.READING: "being read",
        ReadingState.SWEPT: "swept unread",
    }.get(state, state.lower())


def counts_words(counts: Mapping["ReadingState", int]) -> str:
    """As '3 waiting, 20 done, 1 swept unread'."""
    from ich_node.ledger import ReadingState

    return ", ".join(
        f"{counts[state]} {state_words(state)}" for state in ReadingState if state in counts
    )


def _wanted(
    context: typer.Context, jobs: list[str], since: str | None, until: str | None
) -> "Wanted":
    from ich_node.ledger import Wanted
    from ich_node.times import moment

    if jobs and since:
        raise ConfigError("give either jobs, or --since, e.g. `ich-node jobs reread --since 30d`")
    if not (jobs or since):
        raise ConfigError("name the jobs, or give --since, e.g. `ich-node jobs reread --since 30d`")
    if since is None:
        if until is not None:
            raise ConfigError("--until goes with --since, not with the numbers of jobs")
        return Wanted(job_ids=job_ids(context, jobs))
    now = datetime.now(UTC)
    return Wanted(
        since=moment(since, now=now),
        until=moment(until, now=now, option="--until") if until else None,
    )


def _print_left_out(plan: "RereadPlan") -> None:
    for reason, ids in plan.left_out.items():
        one, several = WHY_NOT[reason]
        words = one if len(ids) == 1 else several
        named = f" ({jobs_words(ids)})" if len(ids) <= MOST_NAMED else ""
        typer.echo(f"{len(ids)} of {plan.total} {words}{named}")


def _print_status(node: "CliContext") -> None:
    ledger = node.existing_ledger().rereading
    progress = ledger.progress()
    for (name, sha256), counts in progress.items():
        typer.echo(f"{name} {sha256[:12]}: {counts_words(counts)}")
    delivering = ledger.delivering()
    if delivering:
        verb = "waits" if delivering == 1 else "wait"
        typer.echo(f"{_series(delivering)} {verb} to be read again and delivered")
    if not progress and not delivering:
        typer.echo("nothing was asked to be read again")


def _series(count: int) -> str:
    return f"{count} series"


def add_to(app: typer.Typer) -> None:
    """app: the `jobs` commands."""
    app.command()(reread)
