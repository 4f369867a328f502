"""model shadow: a bundle that reads every series behind the active one."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.who import who
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import ConfigError, NoLedger
from ich_node.times import local

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Shadow


def shadow(
    context: typer.Context,
    bundle: Annotated[
        str | None, typer.Argument(help="The model: a file, a name or the start of a hash.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="The shadow reads no more.")] = False,
    why: Annotated[str, typer.Option(help="The reason, kept with the shadow.")] = "",
) -> None:
    """Let a second model read every series from now on, behind the one that reads now.

    It reads when nothing else is to be read, and delivers nothing.
    `jobs show` and `model compare --since` show its answers.
    One shadow runs at a time; another one takes its place.
    """
    from ich_node.cli.bundle_choice import active_bundle, chosen_bundle, verified_copy
    from ich_node.model.bundle_file import read_header

    node: CliContext = context.obj
    now = datetime.now(UTC)
    if stop:
        _stop(node, bundle, now)
        return
    if bundle is None:
        raise ConfigError("name the model that is to read behind the active one, or give --stop")
    chosen = chosen_bundle(node, bundle)
    if chosen.sha256 == active_bundle(node).sha256:
        raise ConfigError(f"{chosen.title} reads already: it is the active model")
    running = _running(node)
    if running is not None and running.bundle_sha256 == chosen.sha256:
        typer.echo(f"{chosen.title} is the shadow already")
        return
    kept = verified_copy(node, chosen)
    before = node.ledger().shadows.start(
        path=str(kept),
        sha256=chosen.sha256,
        name=chosen.name,
        who=who(),
        why=why,
        now=now,
    )
    if before is not None:
        typer.echo(f"stopped: {_title(before)}")
    typer.echo(f"{chosen.title} reads every series from now on, and delivers nothing")
    if read_header(kept).demonstration:
        typer.echo(f"WARNING: {DEMONSTRATION_MODEL}")


def print_shadows(node: "CliContext") -> None:
    """For `model list`: the newest first, with what became of the series."""
    from ich_node.cli.reread import counts_words

    counted = set()
    for each in _history(node):
        runs = "shadow since" if each.stopped_at is None else "shadow from"
        ended = "" if each.stopped_at is None else f" to {local(each.stopped_at)}"
        why = f": {each.why}" if each.why else ""
        typer.echo(f"{runs} {local(each.started_at)}{ended}")
        typer.echo(f"  {_title(each)} by {each.who}{why}")
        if each.bundle_sha256 not in counted:
            counts = node.existing_ledger().shadows.counts(each.bundle_sha256)
            typer.echo(f"  {counts_words(counts) or 'no series yet'}")
        counted.add(each.bundle_sha256)


def _stop(node: "CliContext", bundle: str | None, now: datetime) -> None:
    from ich_node.cli.bundle_choice import chosen_bundle

    running = _running(node)
    if running is None:
        typer.echo("there is no shadow")
        return
    if bundle is not None:
        chosen = chosen_bundle(node, bundle)
        if running.bundle_sha256 != chosen.sha256:
            raise ConfigError(f"the shadow is {_title(running)}, not {chosen.title}")
    node.ledger_in_place().shadows.stop(now=now)
    typer.echo(f"stopped: {_title(running)}; its answers stay")


def _history(node: "CliContext") -> "list[Shadow]":
    """None where there is no ledger yet."""
    try:
        return node.existing_ledger().shadows.history()
    except NoLedger:
        return []


def _running(node: "CliContext") -> "Shadow | None":
    return next((each for each in _history(node) if each.stopped_at is None), None)


def _title(shadow: "Shadow") -> str:
    return f"{shadow.name} {shadow.bundle_sha256[:12]}"


def add_to(app: typer.Typer) -> None:
    """app: the `model` commands."""
    app.command("shadow")(shadow)
