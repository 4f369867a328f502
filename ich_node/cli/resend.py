"""jobs resend: what was delivered is sent again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.who import who

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger.operator_deliveries import Resent


def resend(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help=WORDS)],
    destination: Annotated[
        str | None,
        typer.Option(help="Only to this destination, which may be new in config.toml."),
    ] = None,
) -> None:
    """Send again what was delivered: the same objects with the same bytes."""
    from ich_node.deliver.resend import allowed_destinations, one_destination

    node: CliContext = context.obj
    to = one_destination(node.config, destination) if destination is not None else None
    ledger, by = node.ledger_in_place(), who()
    chosen = job_ids(context, jobs)
    sent, swept = 0, 0
    for job in chosen:
        allowed = allowed_destinations(node.config, ledger, job)
        if destination is not None and destination not in allowed:
            typer.echo(f"job {job}: {destination} does not get what its sources send")
            continue
        resent = ledger.deliveries.resend(
            job, to=to, now=datetime.now(UTC), who=by, allowed=allowed
        )
        if resent is None:  # it was pruned at this moment
            continue
        for line in _lines(resent, destination):
            typer.echo(line)
        sent += sum(resent.again.values())
        swept += resent.swept_at is not None
    objects = "1 object is" if sent == 1 else f"{sent} objects are"
    typer.echo(
        f"{objects} sent again"
        + (f"; the files of {swept} of {len(chosen)} jobs were removed" if swept else "")
    )
    if not sent:
        raise typer.Exit(1)


def _lines(resent: "Resent", destination: str | None) -> list[str]:
    job = f"job {resent.job_id}"
    if resent.is_withdrawn:
        return [f"{job}: its answer was withdrawn, so it is not sent again"]
    if resent.swept_at is not None:
        return [
            f"{job}: its files were removed on {resent.swept_at.astimezone():%Y-%m-%d}, after"
            " their time; nothing can be sent"
        ]
    lines = [
        f"{job}: {count} {'object' if count == 1 else 'objects'} to {name}"
        for name, count in sorted(resent.again.items())
    ]
    if resent.outdated:
        lines.append(f"{job}: {_messages(resent.outdated)} not sent: a newer one was told")
    if resent.still_owed:
        lines.append(
            f"{job}: {resent.still_owed} not delivered yet; `ich-node deliveries retry"
            f" {resent.job_id}` sends now"
        )
    if not lines:
        to = f" for {destination}" if destination else ""
        lines.append(f"{job}: there is nothing{to} to send again")
    return lines


def _messages(count: int) -> str:
    return "1 message is" if count == 1 else f"{count} messages are"


def add_to(jobs_app: typer.Typer) -> None:
    jobs_app.command()(resend)
