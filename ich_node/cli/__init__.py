"""The admin's command line; the only place that loads the configuration and wires the rooms
together.

Exit codes: 0 done (a refused series is an answer too), 1 it could not be done, 2 the command or the
configuration is wrong.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from ich_node import __version__
from ich_node.cli import demo, read, services
from ich_node.config.settings import load_config
from ich_node.dicom.identity import FOR_RESEARCH_USE
from ich_node.errors import ConfigError, IchNodeError

# Groups of commands that import what no service needs, each in a module of that name here.
GROUPS = ("jobs", "model")


class Commands(TyperGroup):
    """Groups, and the commands of other packages (the entry points ich_node.commands), are imported
    when they are asked for.

    What they import, and so what training imports, would be a third of the memory of every service.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in GROUPS:
            group = typer.main.get_group(import_module(f"{__name__}.{cmd_name}").app)
            group.name = cmd_name
            return group
        return super().get_command(ctx, cmd_name) or _of_others().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *GROUPS, *_of_others().list_commands(ctx)]


@cache
def _of_others() -> TyperGroup:
    others = typer.Typer()
    for entry in entry_points(group="ich_node.commands"):
        entry.load()(others)
    return typer.main.get_group(others)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=f"A DICOM node that reads head CT for intracranial hemorrhage. {FOR_RESEARCH_USE}",
)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ich-node {__version__}")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml; without it the defaults hold.",
            envvar="ICH_NODE_CONFIG",
            dir_okay=False,
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Load the configuration for the command that follows."""
    context.obj = services.Setup(path=config, config=load_config(config))


services.add_to(app)
read.add_to(app)
demo.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error that we know is one sentence, not a traceback. arguments:
    those of this process.
    """
    # Real headers break rules; we read them all the same, and pydicom's complaints would quote
    # values of patients.
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    try:
        app(arguments)
    except ConfigError as error:
        errors.print(f"ich-node: {error}", markup=False)
        sys.exit(2)
    except IchNodeError as error:
        errors.print(f"ich-node: {error}", markup=False)
        sys.exit(1)
