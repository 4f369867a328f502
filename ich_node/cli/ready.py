"""ready: whether a service on this host does its work; for units and pods."""

import socket
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext


class ServiceName(StrEnum):
    """Those with a heartbeat."""

    RECEIVE = "receive"
    ANALYSE = "analyse"
    SEND = "send"
    WEB = "web"


def ready(
    context: typer.Context,
    name: Annotated[ServiceName, typer.Argument(help="The service.", case_sensitive=False)],
) -> None:
    """Say whether this service does its work on this host, by its last heartbeat: exit code 0, or 1
    if it does not.
    """
    from ich_node.cli.services import now
    from ich_node.health.amounts import span
    from ich_node.health.checks import ready_process
    from ich_node.health.services import is_alive

    node: CliContext = context.obj
    host, at = socket.gethostname(), now()
    is_ready, process = ready_process(node.existing_ledger(), name, host, at)
    if process is None:
        typer.echo(f"{name} is not ready: no process of it has a heartbeat on {host}")
        raise typer.Exit(1)
    ago = span(max(0.0, (at - process.beat_at).total_seconds()))
    facts = ", ".join(f"{key} {value}" for key, value in sorted(process.facts.items()))
    said = f"process {process.pid} on {host}, heartbeat {ago} ago" + (f": {facts}" if facts else "")
    if is_ready:
        typer.echo(f"{name} is ready ({said})")
        return
    why = "does not do its work" if is_alive(process, at) else "has no heartbeat any more"
    typer.echo(f"{name} is not ready: it {why} ({said})")
    raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    app.command()(ready)
