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
    name: Annotated[str, typer.Argument(help="The name of a destination in config.toml.")],
) -> None:
    """Ask a destination whether it is there (C-ECHO, a query, a ping, a connection), and print its
    answer in words.
    """
    from ich_node.deliver.echo import echo as ask

    node: CliContext = context.obj
    result = ask(find_destination(node.config, name), node.config.scp.ae_title, node.config.tls)
    typer.echo(result.words)
    if not result.ok:
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
