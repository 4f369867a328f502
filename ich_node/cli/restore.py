"""restore: a backup becomes the state of this installation."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.backup import check_backup, describe, megabytes, node_of, shown_progress
from ich_node.cli.lines import span_text
from ich_node.cli.who import who
from ich_node.errors import BackupError
from ich_node.times import local

if TYPE_CHECKING:
    from ich_node.backup.make import Node
    from ich_node.backup.plan import Plan
    from ich_node.backup.restore import Restored
    from ich_node.cli.context import CliContext

# A study may begin on the day before; what is here is not fetched again.
EARLIER = timedelta(days=1)


def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder of the backups.")],
    at: Annotated[
        str | None,
        typer.Option(help="A backup of `ich-node backup FOLDER --list`; default: the newest."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; default: only say what would be done.")
    ] = False,
    paused: Annotated[
        bool,
        typer.Option(
            "--paused",
            help="Nothing is read, and nothing sent to a destination, until `ich-node resume`.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Move a ledger with jobs aside that is there (SQLite)."),
    ] = False,
    incomplete: Annotated[
        bool,
        typer.Option("--incomplete", help="Also without what is missing or damaged in the backup."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the backup: every hash, and the ledger.")
    ] = False,
) -> None:
    """Put a backup in place: ledger, spool, bundles, keys. Into another kind of database, too:
    from SQLite into PostgreSQL, or back. config.toml stays as it is.
    """
    from ich_node.backup.folder import reading
    from ich_node.backup.plan import plan_restore
    from ich_node.backup.restore import restore as do_restore

    if check:
        check_backup(folder, at)
        return
    node = node_of(context.obj)
    with reading(folder) as opened:
        plan = plan_restore(
            opened,
            node,
            name=at,
            now=datetime.now(UTC),
            may_replace=replace,
            may_be_incomplete=incomplete,
        )
        for line in _planned(plan, node):
            typer.echo(line)
        if plan.obstacles:
            raise BackupError("not restored:\n" + "\n".join(plan.obstacles))
        if not apply:
            typer.echo("nothing was changed; --apply does it")
            return
        with shown_progress("copying", plan.new_bytes) as progress:
            restored = do_restore(
                opened,
                plan,
                node,
                is_paused=paused,
                may_be_incomplete=incomplete,
                who=who(),
                clock=lambda: datetime.now(UTC),
                progress=progress,
            )
    for line in _account(context.obj, plan, restored, is_paused=paused):
        typer.echo(line)


def _planned(plan: "Plan", node: "Node") -> Iterator[str]:
    from ich_node.config.origin import without_passwords

    manifest, config = plan.manifest, node.config
    age = span_text((datetime.now(UTC) - manifest.at).total_seconds())
    yield f"backup  {describe(manifest)}; {age} old"
    there = f"a ledger with {plan.occupied.jobs} jobs" if plan.occupied.schema else "nothing"
    yield f"ledger  {without_passwords(config.database.url)}; there now: {there}"
    yield (
        f"spool   {config.spool.path}: {plan.new_files:,} files of {megabytes(plan.new_bytes)} to"
        f" copy, {manifest.counts.files - plan.new_files:,} there"
    )
    names = ", ".join(f"{each.name} {each.sha256[:12]}" for each in manifest.bundles)
    yield f"bundles {names or 'none'}"
    yield f"keys    {', '.join(each.setting for each in manifest.secrets) or 'none'}"
    for sentence in plan.remarks:
        yield f"note    {sentence}"


def _account(
    node: "CliContext", plan: "Plan", restored: "Restored", *, is_paused: bool
) -> Iterator[str]:
    manifest = plan.manifest
    at = local(manifest.at)
    yield (
        f"restored: the ledger as it was at {at}, and {restored.copied:,} objects that were"
        " not here"
    )
    for sentence in restored.secrets:
        yield f"  {sentence}"
    if restored.aside is not None:
        yield f"the ledger that was here: {restored.aside}"
    if restored.lost:
        yield (
            f"{len(restored.lost)} objects are not in the backup: the series of them cannot be read"
            " before they are sent or pulled again"
        )
    if plan.owed_to:
        yield (
            f"owed: {manifest.counts.owed:,} deliveries to {', '.join(plan.owed_to)}. What was sent"
            f" after {at} is sent again:\n  objects under the same UIDs, which an archive keeps"
            " once; messages a second time"
        )
    if is_paused:
        yield "paused: reading and every destination, until `ich-node resume`"
    yield from _to_pull(node, plan)


def _to_pull(node: "CliContext", plan: "Plan") -> Iterator[str]:
    """What arrived after the backup, with the commands that fetch it."""
    at = plan.manifest.at
    yield (
        f"What arrived after {local(at)} is not in the backup. When `receive` runs, fetch it; what"
        " was read since\nis read again, and its results are a second set beside the first:"
    )
    since = f"{(at - EARLIER).astimezone():%Y-%m-%d}"
    option = "" if _is_from_environment(node.path) else f" --config {node.path}"
    for source in node.config.sources:
        if source.query is not None:
            yield f"  ich-node{option} pull {source.name} --since {since}"
        else:
            yield (
                f"  {source.name} has no [sources.query]: let it send its head CT since {since}"
                " again"
            )


def _is_from_environment(path: Path | None) -> bool:
    return path is None or os.environ.get("ICH_NODE_CONFIG") == str(path)


def add_to(app: typer.Typer) -> None:
    app.command()(restore)
