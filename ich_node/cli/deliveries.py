"""deliveries list, retry, cancel: what is owed to the destinations."""

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.lines import lines_of, span_text
from ich_node.cli.who import who
from ich_node.errors import ConfigError
from ich_node.near import check_known
from ich_node.times import moment

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Ledger, Owed

app = typer.Typer(no_args_is_help=True, help="What is owed to the destinations.")
HEADINGS = ("job", "to", "obj", "state", "tries", "next", "since", "last error")
Jobs = Annotated[list[str] | None, typer.Argument(metavar="JOB...", help=WORDS)]
To = Annotated[str | None, typer.Option("--destination", help="Only to this destination.")]


@app.command("list")
def list_deliveries(
    context: typer.Context,
    destination: To = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what was given up after 24 hours.")
    ] = False,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only what is still tried, or awaits commitment.")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option(help="Only what has been owed for longer: 30min, 2h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many lines.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List what is owed, the longest owed first: one line for each job, destination and state."""
    from ich_node.ledger.operator_deliveries import UNSETTLED, DeliveryChoice
    from ich_node.ledger.pauses import to_destination
    from ich_node.ledger.states import DeliveryState

    if failed and pending:
        raise ConfigError("give --failed or --pending, not both; without them all is listed")
    node: CliContext = context.obj
    ledger, now = node.existing_ledger(), datetime.now(UTC)
    if destination is not None:
        _check_destination(node, ledger, destination)
    states = tuple(
        state
        for state in UNSETTLED
        if not (failed or pending) or (state is DeliveryState.FAILED) == failed
    )
    since = moment(older_than, now=now, option="--older-than") if older_than else None
    choice = DeliveryChoice(destination=destination, states=states, older_than=since)
    page = ledger.deliveries.list(choice, limit=limit)
    if as_json:
        owed = [asdict(each) for each in page.owed]
        more = {"lines": page.lines, "objects": page.objects}
        typer.echo(json.dumps({"deliveries": owed, **more}, default=str, ensure_ascii=False))
    elif as_csv:
        _write_csv(page.owed)
    else:
        paused = {pause.target for pause in ledger.pauses.in_force(now)}
        rows = [
            _row(each, now=now, is_paused=to_destination(each.destination) in paused)
            for each in page.owed
        ]
        for line in lines_of(HEADINGS, rows) if rows else []:
            typer.echo(line)
        typer.echo(_total(page.lines, page.objects, shown=len(page.owed)))


@app.command()
def retry(
    context: typer.Context,
    jobs: Jobs = None,
    destination: To = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="All that was given up, of every job.")
    ] = False,
) -> None:
    """Deliver now, ahead of the next try; what was given up starts anew."""
    from ich_node.ledger.operator_deliveries import AGAIN, DeliveryChoice
    from ich_node.ledger.pauses import to_destination
    from ich_node.ledger.states import DeliveryState

    node: CliContext = context.obj
    if not (jobs or destination or all_failed):
        raise ConfigError("say what to deliver: JOB..., --destination NAME or --all-failed")
    ledger, now = node.ledger_in_place(), datetime.now(UTC)
    if destination is not None:
        _check_destination(node, ledger, destination)
    choice = DeliveryChoice(
        job_ids=job_ids(context, jobs) if jobs else None,
        destination=destination,
        states=(DeliveryState.FAILED,) if all_failed else AGAIN,
    )
    tried = ledger.deliveries.retry(choice, now=now, who=who())
    if not tried:
        typer.echo("nothing was given up" if all_failed else "nothing waits to be delivered")
        return
    typer.echo(f"{_counted(tried)} will be delivered now")
    for pause in ledger.pauses.in_force(now):
        for name in tried:
            if pause.target == to_destination(name):
                typer.echo(f"{name} is paused: it gets nothing before `ich-node resume {name}`")


@app.command()
def cancel(
    context: typer.Context,
    jobs: Jobs = None,
    destination: To = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what was given up after 24 hours.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Never deliver what is owed; retention may then remove its files."""
    from ich_node.ledger.operator_deliveries import CANCELLABLE, DeliveryChoice
    from ich_node.ledger.states import DeliveryState

    node: CliContext = context.obj
    if not (jobs or destination):
        raise ConfigError("say what to cancel: JOB..., or --destination NAME")
    ledger = node.ledger_in_place()
    if destination is not None:
        _check_destination(node, ledger, destination)
    chosen = job_ids(context, jobs) if jobs else None
    which: dict[str, Any] = {"job_ids": chosen, "destination": destination}
    choice = DeliveryChoice(**which, states=(DeliveryState.FAILED,) if failed else CANCELLABLE)
    sending = ledger.deliveries.count(DeliveryChoice(**which, states=(DeliveryState.SENDING,)))
    if sending and not failed:
        verb = "is" if sending.total() == 1 else "are"
        typer.echo(f"{_counted(sending)} {verb} being sent now and cannot be cancelled")
    found = ledger.deliveries.count(choice)
    if not found:
        typer.echo("nothing to cancel")
        return
    if not yes:
        typer.confirm(f"{_counted(found)} will never be delivered. Cancel?", abort=True)
    cancelled = ledger.deliveries.cancel(choice, now=datetime.now(UTC), who=who())
    typer.echo(f"{_counted(cancelled)}: cancelled")


def _check_destination(node: "CliContext", ledger: "Ledger", name: str) -> None:
    """Also one that is gone from config.toml may be owed something."""
    configured = [destination.name for destination in node.config.destinations]
    if name not in configured and name not in ledger.deliveries.destinations():
        check_known(name, configured, what="destination")


def _row(owed: "Owed", *, now: datetime, is_paused: bool) -> list[str]:
    from ich_node.ledger.states import DeliveryState

    due = span_text((owed.next_at - now).total_seconds()) if owed.next_at > now else "now"
    following = {
        DeliveryState.PENDING: "paused" if is_paused else due,
        DeliveryState.STORED: due,
    }
    return [
        str(owed.job_id),
        owed.destination,
        str(owed.objects),
        owed.state.lower(),
        str(owed.attempts),
        following.get(owed.state, "-"),
        span_text((now - owed.first_at).total_seconds()),
        owed.detail or "",
    ]


def _total(lines: int, objects: int, *, shown: int) -> str:
    if not lines:
        return "nothing is owed"
    total = f"{objects} {'object is' if objects == 1 else 'objects are'} owed"
    if shown == lines:
        return total
    return f"{total}; {lines - shown} of {lines} lines are left out: --limit {lines} shows all"


def _counted(objects: Mapping[str, int]) -> str:
    """3 objects to pacs, 1 to ris."""
    first, *more = sorted(objects.items())
    words = f"{first[1]} {'object' if first[1] == 1 else 'objects'} to {first[0]}"
    return ", ".join([words, *(f"{count} to {name}" for name, count in more)])


def _write_csv(owed: list["Owed"]) -> None:
    from ich_node.ledger import Owed

    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = [field.name for field in fields(Owed)]
    writer.writerow(names)
    for each in owed:
        writer.writerow([getattr(each, name) for name in names])


def add_to(app_of_node: typer.Typer) -> None:
    app_of_node.add_typer(app, name="deliveries")
