"""echo: is a destination there?"""

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
    from ich_node.deliver.echo import EchoResult
    from ich_node.deliver.echo import echo as ask

    node: CliContext = context.obj
    config = node.config
    if name is None and not config.destinations:
        raise ConfigError("config.toml has no [[destinations]]: there is nobody to ask")
    asked = config.destinations if name is None else [find_destination(config, name)]
    is_each_there = True
    for destination in asked:
        try:
            result = ask(destination, config.scp.ae_title, config.tls)
        except ConfigError as error:
            if name is not None:
                raise
            # the others are asked all the same
            result = EchoResult(ok=False, words=f"{destination.name}: {error.detail}")
        typer.echo(result.words)
        is_each_there &= result.ok
    if not is_each_there:
        raise typer.Exit(1)


def find_destination(config: "Config", name: str) -> "Destination":
    """Raises ConfigError that lists the known destinations."""
    for destination in config.destinations:
        if destination.name == name:
            return destination
    known = ", ".join(each.name for each in config.destinations) or "none is configured"
    raise ConfigError(f"there is no destination '{name}'; config.toml knows: {known}")


def add_to(app: typer.Typer) -> None:
    app.command()(echo)
