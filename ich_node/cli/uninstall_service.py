"""uninstall-service: takes away what install-service has made."""

import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError, IchNodeError

if TYPE_CHECKING:
    from ich_node.ledger import Ledger
    from ich_node.service.machine import Machine


def uninstall_service(
    remove_config: Annotated[
        bool,
        typer.Option("--remove-config", help="Remove /etc/ich-node and the drop-ins, too."),
    ] = False,
    remove_data: Annotated[
        bool,
        typer.Option("--remove-data", help="Remove /var/lib/ich-node, too: ledger, objects, keys."),
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it. Without this, it only says what it would do.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the services and take them away, with program, units and command. Data, configuration
    and user stay, unless told otherwise. Shows every step, and does them with --apply.
    """
    from ich_node.cli import steps_shown
    from ich_node.service import uninstall
    from ich_node.service.machine import Machine

    machine = Machine()
    plan = uninstall.plan(machine, remove_config=remove_config, remove_data=remove_data)
    words = [str(Path(sys.prefix) / "bin" / "ich-node"), "uninstall-service"]
    words += ["--remove-config"] * remove_config + ["--remove-data"] * remove_data
    command = shlex.join([*words, "--apply"])
    if remove_data:
        for line in _lost(machine):
            typer.echo(line)
    if not apply:
        steps_shown.show(plan, command)
        return
    if (remove_data or remove_config) and not plan.obstacles and not yes:
        steps_shown.require_root(command)
        _ask(remove_config=remove_config, remove_data=remove_data)
    steps_shown.carry_out(plan, uninstall.apply, command)
    steps_shown.print_notes(plan.notes)


def _ask(*, remove_config: bool, remove_data: bool) -> None:
    """Raises ConfigError where nobody can answer."""
    what = " and ".join(["the data"] * remove_data + ["the configuration"] * remove_config)
    if not sys.stdin.isatty():
        raise ConfigError(f"to remove {what} without being asked, add --yes")
    typer.confirm(f"{what} cannot be brought back without a backup. Remove?", abort=True)


def _lost(machine: "Machine") -> Iterator[str]:
    """What goes with the data, and what does not lie there."""
    from ich_node.config.load import load_config
    from ich_node.config.places import sqlite_file
    from ich_node.ledger import open_existing_ledger
    from ich_node.service import places

    there = machine.at(places.CONFIG)
    try:
        if not there.exists():
            return
        config = load_config(there, home=machine.at(places.STATE)).config
    except PermissionError:
        yield "what would be lost, only root can see"
        return
    except ConfigError as error:
        yield f"what would be lost cannot be said: {error.detail}"
        return
    file = sqlite_file(config.database.url)
    for path in (config.spool.path, file, config.database.search_key):
        if path is not None and not path.is_relative_to(machine.at(places.STATE)):
            yield f"not removed, because it lies elsewhere: {path}"
    if file is None:
        yield "not removed: the ledger on PostgreSQL; other machines may work with it"
        return
    try:
        if not file.exists():
            return
        ledger = open_existing_ledger(config.database.url)
    except PermissionError:
        yield "what would be lost, only root can see"
        return
    except IchNodeError as error:
        yield f"the ledger {file} cannot be opened: {error.detail}"
        return
    try:
        yield from _in_numbers(ledger)
    finally:
        ledger.dispose()


def _in_numbers(ledger: "Ledger") -> Iterator[str]:
    from ich_node.ledger.status import Stage

    now = datetime.now(UTC)
    yield f"lost: the records of {ledger.status.newest_job()} series"
    stages = ledger.status.jobs_by_state(now)
    unread = sum(stages[each].jobs for each in Stage if each is not Stage.FAILED)
    if unread:
        yield f"lost: {unread} series that are not read yet"
    for owed in ledger.status.owed_by_destination(now):
        if owed.owed or owed.failed:
            yield (
                f"lost: {owed.owed + owed.failed} objects or messages that {owed.destination} did"
                " not get yet"
            )


def add_to(app: typer.Typer) -> None:
    app.command("uninstall-service")(uninstall_service)
