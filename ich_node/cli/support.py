"""support-bundle: what somebody who helps needs to know."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext


def support_bundle(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; an existing one is never overwritten. Default:"
            " ich-node-HOST-TIME.zip in this folder.",
            dir_okay=False,
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="The log as a file of JSON lines; default: the journal of systemd."),
    ] = None,
) -> None:
    """Write one ZIP file with log, settings, versions, numbers of the ledger and what is wrong,
    for somebody who helps. No patients, no secrets. Works while the node is down.
    """
    from ich_node.cli.doctor import installation
    from ich_node.support import (
        LogSource,
        SupportFile,
        findings,
        ledger_facts,
        log_part,
        settings_part,
        versions,
        write_bundle,
    )

    node: CliContext = context.obj
    now = datetime.now(UTC)
    path = out or Path(f"ich-node-{socket.gethostname()}-{now.astimezone():%Y%m%d-%H%M%S}.zip")
    if path.exists():
        raise ConfigError(f"{path} exists and is not overwritten; choose another --out")
    there = installation(node, now)
    config, ledger = there.config, there.ledger
    try:
        parts: list[SupportFile] = [
            findings(there),
            versions(),
        ]
        if config is not None:
            parts.append(settings_part(config, node.path, os.environ))
        if ledger is not None:
            parts.append(ledger_facts(ledger, now))
        parts.append(log_part(LogSource(path=log)))
    finally:
        if ledger is not None:
            ledger.dispose()
    for part in write_bundle(parts, path):
        typer.echo(f"{part.name:<14} {len(part.text.encode()):>9,} B  {part.what}")
    typer.echo(f"wrote {path}")
    typer.echo("No patients, no secrets. Names of hosts, AE titles, paths and UIDs are in it:")
    typer.echo("look at it before you send it to anybody")


def add_to(app: typer.Typer) -> None:
    app.command()(support_bundle)
