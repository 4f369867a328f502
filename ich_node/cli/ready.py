"""ready: whether a service on this host does its work; for units and pods."""

import socket
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from ich_node.cli.context import CliContext
    from ich_node.ledger import Ledger


class ServiceName(StrEnum):
    """Those with a heartbeat."""

    RECEIVE = "receive"
    ANALYSE = "analyse"
    SEND = "send"
    WEB = "web"


def ready(
    context: typer.Context,
    name: Annotated[
        ServiceName | None,
        typer.Argument(
            help="The service; default: all that have a heartbeat on this host.",
            case_sensitive=False,
        ),
    ] = None,
) -> None:
    """Say whether this service does its work on this host, by its last heartbeat: exit code 0, or 1
    if it does not. Where ICHNODE_RUN is set, as in a container, its files say so, and cost less.
    """
    from ich_node.cli.services import now
    from ich_node.errors import EarlierLedger

    node: CliContext = context.obj
    host, at = socket.gethostname(), now()
    try:
        ledger = node.existing_ledger()
    except EarlierLedger as error:
        typer.echo(f"{name or 'the node'} is not ready: {_why_not_migrated(node)}")
        raise typer.Exit(1) from error
    here = sorted({each.service for each in ledger.heartbeats.all() if each.host == host})
    if name is None and not here:
        typer.echo(f"no service has a heartbeat on {host}")
        raise typer.Exit(1)
    names = here if name is None else [name.value]
    answers = [_is_ready(ledger, each, host, at) for each in names]  # a sentence for each
    if not all(answers):
        raise typer.Exit(1)


def _is_ready(ledger: "Ledger", name: str, host: str, at: "datetime") -> bool:
    """Prints the sentence."""
    from ich_node.health.amounts import span
    from ich_node.health.checks import ready_process
    from ich_node.health.services import is_alive

    is_ready, process = ready_process(ledger, name, host, at)
    if process is None:
        typer.echo(f"{name} is not ready: no process of it has a heartbeat on {host}")
        return False
    ago = span(max(0.0, (at - process.beat_at).total_seconds()))
    known = sorted(item for item in process.facts.items() if item[1] is not None)
    facts = ", ".join(f"{key} {value}" for key, value in known)
    said = f"process {process.pid} on {host}, heartbeat {ago} ago" + (f": {facts}" if facts else "")
    if is_ready:
        typer.echo(f"{name} is ready ({said})")
        return True
    why = "does not do its work" if is_alive(process, at) else "has no heartbeat any more"
    typer.echo(f"{name} is not ready: it {why} ({said})")
    return False


def _why_not_migrated(node: "CliContext") -> str:
    from ich_node.cli.ledger_of_service import users_in_words
    from ich_node.ledger import look_at_schema
    from ich_node.ledger.schema import HEAD

    schema = look_at_schema(node.config.database.url)
    why = f"the ledger has schema {schema.version} of an earlier version, and this one needs {HEAD}"
    if not schema.users:
        return f"{why}; a service brings it up to date when it starts"
    return (
        f"{why}; a start waits until these have ended, or for `ich-node migrate`:"
        f" {users_in_words(schema.users)}"
    )


def add_to(app: typer.Typer) -> None:
    app.command()(ready)
