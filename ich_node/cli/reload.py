"""reload: the services read the configuration again."""

import os
import signal
from typing import TYPE_CHECKING

import typer

from ich_node.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.processes.running import RunningService


def reload(context: typer.Context) -> None:
    """Let the services of this host read the configuration again, without a restart. A
    configuration with a mistake is refused, and the services go on with theirs.
    """
    from ich_node.cli import usable
    from ich_node.processes.running import running_services

    node: CliContext = context.obj
    config = node.config
    if mistakes := usable.mistakes(config):
        where = node.path or "the configuration"
        raise ConfigError(
            "\n".join([*(f"{where}: {mistake}" for mistake in mistakes), "nothing was reloaded"])
        )
    try:
        services = running_services(config.spool.path)
    except PermissionError as error:
        raise Unavailable(_as_their_user(str(config.spool.path))) from error
    if not services:
        raise Unavailable(
            f"no service of this host has its spool in {config.spool.path};\ngive the --config and"
            " the ICHNODE_HOME of the services"
        )
    for service in services:
        _signal(service)
        typer.echo(f"{service.name} (process {service.pid}) reads {service.config} again")
    _print_what_waits(node, services)


def _signal(service: "RunningService") -> None:
    try:
        os.kill(service.pid, signal.SIGHUP)
    except PermissionError as error:
        raise Unavailable(_as_their_user(f"process {service.pid}")) from error
    except ProcessLookupError as error:
        raise Unavailable(f"{service.name} (process {service.pid}) has just ended") from error


def _as_their_user(what: str) -> str:
    return f"{what} belongs to another user: run this as the user of the services, or as root"


def _print_what_waits(node: "CliContext", services: "list[RunningService]") -> None:
    from ich_node.config.reload import fingerprints

    mine = str(node.path.absolute()) if node.path is not None else ""
    for path in sorted({service.config for service in services} - {mine}):
        typer.echo(f"WARNING: they read {path or 'built-in settings'}, not {mine or 'these'}")
    now = fingerprints(node.config)
    for name in now:
        if any(service.needs_restart.get(name) != now[name] for service in services):
            typer.echo(f"{name} counts only after a restart of the services")


def add_to(app: typer.Typer) -> None:
    app.command()(reload)
