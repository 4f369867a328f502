"""migrate: the ledger of an older version is brought up to this one, by hand."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node import __version__

if TYPE_CHECKING:
    from datetime import datetime

    from ich_node.cli.context import CliContext
    from ich_node.ledger.schema import Schema, UserOfLedger


def migrate(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    copy: Annotated[
        bool,
        typer.Option(
            help="SQLite: keep a copy of the ledger as it was. PostgreSQL: make a backup yourself."
        ),
    ] = True,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also under processes of an older version that cannot go on with it."
        ),
    ] = False,
) -> None:
    """Bring the ledger of an earlier version up to this one, in one transaction.

    The services do it themselves when they start; while processes of an earlier version use the
    ledger, they wait for their end, or for this command.
    """
    from ich_node.cli.services import now
    from ich_node.config.places import sqlite_file
    from ich_node.errors import Unavailable
    from ich_node.ledger import look_at_schema
    from ich_node.ledger.schema import HEAD

    node: CliContext = context.obj
    node.loaded.require_ledger_in_place()
    file = sqlite_file(node.config.database.url)
    schema = look_at_schema(node.config.database.url)
    if schema.version is None:
        typer.echo("the database is empty: the services make the ledger when they start")
        return
    if not schema.is_older:
        newer = schema.version > HEAD
        typer.echo(
            f"nothing to do: the ledger has schema {schema.version}"
            + (f", of a newer ich-node; {__version__} can use it" if newer else "")
        )
        for line in _kept_copies(file):
            typer.echo(line)
        return
    for line in _plan(schema):
        typer.echo(line)
    broken = [each for each in _living(schema, now()) if _breaks(schema)]
    for line in _users(schema, now()):
        typer.echo(line)
    typer.echo(_way_back(file, schema.version, copy=copy))
    if dry_run:
        refused = " It would be refused while these processes run." if broken and not force else ""
        typer.echo(f"nothing was changed (--dry-run).{refused}")
        return
    if broken and not force:
        raise Unavailable(
            "processes of an earlier version run, and could not go on with the new schema: stop"
            " them first;\nnothing was changed. --force does it all the same"
        )
    _do(node, with_copy=copy)


def _do(node: "CliContext", *, with_copy: bool) -> None:
    import socket

    from ich_node.cli.services import now
    from ich_node.cli.who import who
    from ich_node.health.amounts import span
    from ich_node.ledger import migrate_ledger, open_ledger_of_this_version
    from ich_node.ledger.schema import HEAD

    url, began = node.config.database.url, time.monotonic()
    done = migrate_ledger(url, with_copy=with_copy)
    took = span(time.monotonic() - began)
    if done.before == HEAD:
        typer.echo("another process has migrated the ledger meanwhile")
        return
    ledger = open_ledger_of_this_version(url)
    try:
        ledger.audit.record(
            at=now(),
            who=who(),
            address=socket.gethostname(),
            action="migrate",
            target=f"schema {HEAD}",
            detail=f"from {done.before}",
        )
    finally:
        ledger.dispose()
    typer.echo(f"migrated from schema {done.before} to {HEAD} in {took}")
    if done.copy is not None:
        typer.echo(f"kept as it was: {done.copy}; delete it when you will not go back")


def _plan(schema: "Schema") -> Iterator[str]:
    from ich_node.ledger.migrate import floor_of, migrations
    from ich_node.ledger.schema import HEAD

    known = migrations()
    yield f"the ledger has schema {schema.version}; ich-node {__version__} needs {HEAD}"
    assert schema.version is not None
    for each in known:
        if each.revision > schema.version:
            yield f"  {each.revision}  {each.about}"
    yield f"programs that know schema {floor_of(known)} can use it afterwards"


def _breaks(schema: "Schema") -> bool:
    """Whether programs that use the ledger now cannot go on with it."""
    from ich_node.ledger.migrate import floor_of, migrations

    return schema.version is not None and floor_of(migrations()) > schema.version


def _living(schema: "Schema", at: "datetime") -> "list[UserOfLedger]":
    from ich_node.health.services import STALE

    return [each for each in schema.users or () if at - each.beat_at <= STALE]


def _users(schema: "Schema", at: "datetime") -> Iterator[str]:
    from ich_node.health.amounts import span

    if schema.users is None:
        yield (
            "WARNING: this schema has no heartbeats: whether processes of the earlier version run"
            " is not known. Stop them on every host first"
        )
        return
    living = _living(schema, at)
    for each in schema.users:
        ago = span(max(0.0, (at - each.beat_at).total_seconds()))
        state = "runs" if each in living else "has ended, or its host is away"
        yield (
            f"{each.service} {each.version} on {each.host} (process {each.pid}) {state}:"
            f" heartbeat {ago} ago"
        )
    if not schema.users:
        yield "no process of an earlier version runs"


def _way_back(file: Path | None, version: str, *, copy: bool) -> str:
    from ich_node.health.amounts import size
    from ich_node.ledger.kept_copy import needed_bytes, path_of_copy

    if file is None:
        return "PostgreSQL: nothing is kept; the way back is a backup (pg_dump, `ich-node backup`)"
    if not copy:
        return "no copy of the ledger is kept (--no-copy)"
    free = shutil.disk_usage(file.parent).free
    return (
        f"a copy is kept as {path_of_copy(file, version)}; it takes {size(needed_bytes(file))} with"
        f" the migration, {size(free)} are free"
    )


def _kept_copies(file: Path | None) -> Iterator[str]:
    from ich_node.health.amounts import size
    from ich_node.ledger.kept_copy import path_of_copy

    if file is None:
        return
    for path in sorted(file.parent.glob(path_of_copy(file, "*").name)):
        yield (
            f"{path} ({size(path.stat().st_size)}) is the ledger as it was before; delete it when"
            " you will not go back"
        )


def add_to(app: typer.Typer) -> None:
    app.command()(migrate)
