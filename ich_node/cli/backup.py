"""backup: what a node knows, into a folder; older backups of the folder are listed and checked."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.lines import lines_of, span_text
from ich_node.cli.who import who
from ich_node.errors import ConfigError
from ich_node.times import local

if TYPE_CHECKING:
    from ich_node.backup.copying import Progress
    from ich_node.backup.make import Made, Node, Size
    from ich_node.backup.manifest import Manifest
    from ich_node.cli.context import CliContext

KEEP = 7


def backup(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="The folder of the backups; made where it is missing.")
    ],
    keep: Annotated[
        int, typer.Option(min=1, help="How many backups stay; older ones are removed.")
    ] = KEEP,
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            help="Leave out the files that config.toml names: search key, certificates, passwords.",
        ),
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="Only list the backups in the folder.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only check a backup: every hash, and the ledger."),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(help="With --check: a backup of the list; default: the newest."),
    ] = None,
) -> None:
    """Copy ledger, spool, bundles, keys and config.toml into a folder, while the services work.

    A second backup into the same folder copies only objects that are new.
    """
    if show and check:
        raise ConfigError("--list and --check exclude each other")
    if at is not None and not check:
        raise ConfigError("--at belongs to --check")
    if show:
        _list(folder)
    elif check:
        check_backup(folder, at)
    else:
        _make(context.obj, folder, keep=keep, with_secrets=not without_keys)


def node_of(node: "CliContext") -> "Node":
    """Raises ConfigError."""
    from ich_node.backup.make import Node
    from ich_node.config.config import ENV_PREFIX

    node.loaded.require_ledger_in_place()
    return Node(
        config=node.config,
        config_path=node.path,
        environment=tuple(
            sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
        ),
        host=socket.gethostname(),
    )


def megabytes(size: int) -> str:
    return f"{size / 1_000_000_000:,.1f} GB" if size >= 1_000_000_000 else f"{size / 1e6:,.1f} MB"


@contextmanager
def shown_progress(what: str, total: int) -> "Iterator[Progress]":
    """A line that moves where standard error is a terminal; nothing in a log."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda size: progress.advance(task, size)


def check_backup(folder: Path, at: str | None) -> None:
    """Prints what is damaged, and exits with 1, or says that it is whole."""
    from ich_node.backup.check import damage
    from ich_node.backup.folder import reading
    from ich_node.backup.manifest import read_manifest

    with reading(folder) as opened:
        manifest = read_manifest(opened.chosen(at))
        with shown_progress("checking", manifest.counts.size_bytes) as progress:
            found = list(damage(opened, manifest, progress))
        for sentence in found:
            typer.echo(sentence)
        typer.echo(describe(manifest))
        if not manifest.is_whole:
            typer.echo(lacks(manifest))
        if found:
            typer.echo(f"damaged: {len(found)} files; see above")
            raise typer.Exit(1)
        typer.echo("whole: every hash is right, and the ledger opens")


def describe(manifest: "Manifest") -> str:
    counts = manifest.counts
    return (
        f"{manifest.name}: host {manifest.host}, {local(manifest.at)}, ich-node {manifest.version},"
        f" schema {manifest.schema_version}; {counts.jobs:,} jobs, {counts.files:,} files of"
        f" {megabytes(counts.size_bytes)}, {counts.owed:,} deliveries owed"
    )


def lacks(manifest: "Manifest") -> str:
    return (
        f"the spool lacked {len(manifest.missing)} objects that the ledger needs, and"
        f" {len(manifest.damaged)} were damaged, when the backup was made"
    )


def _list(folder: Path) -> None:
    from ich_node.backup.folder import reading
    from ich_node.backup.manifest import read_manifest
    from ich_node.errors import BackupError

    rows, now = [], datetime.now(UTC)
    with reading(folder) as opened:
        for name in opened.names():
            try:
                manifest = read_manifest(opened.backup(name))
            except BackupError as error:
                rows.append((name, "", "", "", "", error.detail))
                continue
            counts = manifest.counts
            rows.append(
                (
                    name,
                    span_text((now - manifest.at).total_seconds()),
                    str(counts.jobs),
                    str(counts.files),
                    megabytes(counts.size_bytes),
                    "" if manifest.is_whole else "incomplete",
                )
            )
    if not rows:
        typer.echo(f"{folder} holds no finished backup")
        return
    for line in lines_of(("backup", "age", "jobs", "files", "of", ""), rows):
        typer.echo(line)


def _make(node: "CliContext", path: Path, *, keep: int, with_secrets: bool) -> None:
    from ich_node.backup.make import make_backup

    ours = node_of(node)
    sizes: list[Size] = []

    def measured(size: "Size") -> None:
        sizes.append(size)
        typer.echo(
            f"to copy: {megabytes(size.new)} of new objects and about {megabytes(size.ledger)} of"
            f" ledger; free: {megabytes(size.free)}"
        )
        if size.is_same_disk:
            typer.echo(f"note: {path} is on the disk of the spool; a disk that fails takes both")

    with shown_progress("copying", 0) as progress:
        made = make_backup(
            path,
            ours,
            keep=keep,
            with_secrets=with_secrets,
            clock=lambda: datetime.now(UTC),
            measured=measured,
            progress=progress,
        )
    _note(ours, made, path)
    for line in _account(made):
        typer.echo(line)
    if not made.manifest.is_whole:
        raise typer.Exit(1)


def _note(node: "Node", made: "Made", path: Path) -> None:
    """In the journal of the ledger; the backup is made, whether or not this can be written."""
    from ich_node.errors import Unavailable
    from ich_node.ledger.snapshot import note_backup

    try:
        note_backup(
            node.config.database.url,
            now=made.manifest.ended_at,
            who=who(),
            host=node.host,
            folder=str(path),
            name=made.manifest.name,
            is_whole=made.manifest.is_whole,
        )
    except Unavailable as error:
        typer.echo(f"not noted in the journal: {error.detail}", err=True)


def _account(made: "Made") -> Iterator[str]:
    manifest, pruned = made.manifest, made.pruned
    yield describe(manifest)
    yield f"copied: {made.copied:,} new objects; bundles: {len(manifest.bundles)}"
    for sentence in manifest.left_out:
        yield f"left out: {sentence}"
    if manifest.removed:
        yield f"{len(manifest.removed)} objects were removed by retention meanwhile"
    if pruned.backups:
        yield (
            f"removed: {len(pruned.backups)} older backups and {pruned.objects:,} objects that none"
            " of the others needs"
        )
    if pruned.problem:
        yield f"older objects stay, because an older backup cannot be read: {pruned.problem}"
    if not manifest.is_whole:
        yield lacks(manifest) + "; `manifest.json` names them"
    yield f"wrote {made.path}"


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
