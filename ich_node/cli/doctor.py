"""doctor: what is wrong with this installation."""

import json
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError, IchNodeError, NoLedger

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.doctor import Checked, Installation
    from ich_node.ledger import Ledger


def doctor(
    context: typer.Context,
    files: Annotated[
        bool,
        typer.Option(
            "--files/--no-files",
            help="Also compare ledger and spool, file by file: seconds, or minutes where there are"
            " millions.",
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong with this installation, and what to do: configuration, rights, disks,
    ports, services, clock, packages, units, files. Changes nothing. Exit code 1 if anything is
    wrong, or could not be checked.
    """
    from ich_node.doctor import examine

    there = installation(context.obj, datetime.now(UTC))
    found: list[Checked] = []
    try:
        for checked in examine(there, files=files):
            found.append(checked)
            if not as_json:
                _print(checked)
    finally:
        if there.ledger is not None:
            there.ledger.dispose()
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=1))
    else:
        _print_sum(found)
    if any(each.complaints or each.not_checked for each in found):
        raise typer.Exit(1)


def installation(node: "CliContext", now: datetime) -> "Installation":
    """As far as it can be opened. The caller disposes the ledger."""
    from ich_node.doctor import Installation

    config, mistakes = _config(node)
    ledger: Ledger | None = None
    missing = problem = ""
    if config is not None:
        try:
            ledger = node.existing_ledger()
        except NoLedger as error:
            missing = error.detail
        except IchNodeError as error:
            problem = error.detail
    return Installation(
        config=config,
        config_path=node.path,
        mistakes=mistakes,
        ledger=ledger,
        no_ledger=missing,
        ledger_problem=problem,
        now=now,
    )


def _config(node: "CliContext") -> "tuple[Config | None, list[str]]":
    """The configuration, if it can be loaded, and what is wrong with it."""
    from ich_node.cli import usable

    try:
        config = node.config
    except ConfigError as error:
        return None, _sentences(error.detail, node.path)
    return config, usable.mistakes(config)


def _sentences(detail: str, path: Path | None) -> list[str]:
    """One for each mistake: each begins with its place, and may have several lines."""
    found: list[str] = []
    for line in detail.splitlines():
        if not found or line.startswith((f"{path}, line ", f"{path}: ", "environment variable ")):
            found.append(line)
        else:
            found[-1] += f" {line}"
    return found


def _print(checked: "Checked") -> None:
    if checked.not_checked:
        _echo(f"not checked  {checked.name}: {_one_line(checked.not_checked)}")
    elif checked.said:
        _echo(f"-            {checked.name}: {_one_line(checked.said)}")
    elif not checked.complaints:
        _echo(f"ok           {checked.name}")
    for each in checked.complaints:
        _echo(f"WRONG        {checked.name}: {_one_line(each.sentence)}")
        if each.remedy:
            _echo(f"             {_one_line(each.remedy)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _echo(line: str) -> None:
    """In 80 columns; paths and commands are not broken."""
    typer.echo(
        textwrap.fill(
            line,
            width=80,
            subsequent_indent=" " * 13,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _print_sum(found: "list[Checked]") -> None:
    number = sum(len(each.complaints) for each in found)
    things = "nothing is" if not number else "1 thing is" if number == 1 else f"{number} things are"
    unseen = sum(bool(each.not_checked) for each in found)
    also = f"; {unseen} could not be checked" if unseen else ""
    typer.echo(f"{things} wrong{also}")


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)
