"""The command line; the only place that loads the configuration and connects the rooms.

Exit codes: 0 done (a refused series is an answer too), 1 it could not be done, 2 the command or the
configuration is wrong.

Every command imports what it needs in its body: `--help` imports all modules of this package, and
must not wait for torch or SQLAlchemy.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ich_node import __version__
from ich_node.cli import (
    alerts,
    backup,
    check_config,
    commission,
    conformance,
    deliveries,
    demo,
    doctor,
    echo,
    explain,
    export,
    install_service,
    jobs,
    migrate,
    model,
    pauses,
    pull,
    read,
    ready,
    reload,
    resend,
    restore,
    rules,
    services,
    statistics,
    support,
    uninstall_service,
    verdicts,
    web,
    withdraw,
)
from ich_node.cli import config as config_commands
from ich_node.cli.commands import Commands
from ich_node.cli.context import CliContext
from ich_node.cli.extras import missing_library
from ich_node.dicom.identity import FOR_RESEARCH_USE
from ich_node.errors import ConfigError, IchNodeError

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=f"A DICOM node that reads head CT for intracranial hemorrhage. {FOR_RESEARCH_USE}",
)


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
            help="Path of config.toml; default: built-in settings.",
            envvar="ICH_NODE_CONFIG",
            dir_okay=False,
            readable=False,  # that it cannot be read is said with whose it is
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of every command."""
    context.obj = CliContext(path=config, main=main)


services.add_to(app)
web.add_to(app)
ready.add_to(app)
migrate.add_to(app)
echo.add_to(app)
check_config.add_to(app)
reload.add_to(app)
conformance.add_to(app)
pull.add_to(app)
read.add_to(app)
explain.add_to(app)
rules.add_to(app)
demo.add_to(app)
app.add_typer(config_commands.app, name="config")
withdraw.add_to(jobs.app)
pauses.add_to(app)
statistics.add_to(app)
doctor.add_to(app)
support.add_to(app)
commission.add_to(app)
backup.add_to(app)
restore.add_to(app)
install_service.add_to(app)
uninstall_service.add_to(app)
deliveries.add_to(app)
resend.add_to(jobs.app)
export.add_to(jobs.app)
app.add_typer(jobs.app, name="jobs")
app.add_typer(model.app, name="model")
app.add_typer(verdicts.app, name="verdicts")
app.add_typer(alerts.app, name="alerts")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error of this node is printed as a sentence, without a traceback.

    arguments: default: those of this process.
    """
    # Real headers break rules. They are read all the same, and pydicom's warnings would quote
    # values of patients.
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    try:
        app(arguments)
    except ModuleNotFoundError as error:
        missing = missing_library(error)
        if missing is None:
            raise
        _end_with(missing)
    except IchNodeError as error:
        _end_with(error)


def _end_with(error: IchNodeError) -> NoReturn:
    typer.echo(f"ich-node: {error}", err=True)
    sys.exit(2 if isinstance(error, ConfigError) else 1)
