"""echo: is a destination there?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.config.destinations import Destination


def echo(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The name of a destination in config.toml; default: all.")
    ] = None,
) -> None:
    """Ask a destination, or all of them, whether it is there (C-ECHO, a query, a ping, a
    connection), and print its answer in words.
    """
    node: CliContext = context.obj
    config = node.config
    if name is None and not config.destinations:
        raise ConfigError("config.toml has no [[destinations]]: there is nobody to ask")
    if name is None:
        is_there = ask_all(config, config.destinations)
    else:
        from ich_node.deliver.echo import echo as ask
        from ich_node.deliver.resend import find_destination

        answer = ask(find_destination(config, name), config.scp.ae_title, config.tls)
        typer.echo(answer.words)
        is_there = answer.ok
    if not is_there:
        raise typer.Exit(1)


def ask_all(config: "Config", destinations: "Sequence[Destination]") -> bool:
    """Print the answer of each; whether all are there. One that is wrongly configured does not keep
    the others from being asked.
    """
    from ich_node.deliver.echo import EchoResult
    from ich_node.deliver.echo import echo as ask

    is_each_there = True
    for destination in destinations:
        try:
            result = ask(destination, config.scp.ae_title, config.tls)
        except ConfigError as error:
            result = EchoResult(ok=False, peer=destination.name, detail=error.detail)
        typer.echo(result.words)
        is_each_there &= result.ok
    return is_each_there


def add_to(app: typer.Typer) -> None:
    app.command()(echo)
