"""model import-published, list, show, activate, rollback."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli import model_calibrate, model_compare, model_rule, model_shadow
from ich_node.cli.who import who
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import BundleError
from ich_node.times import local

if TYPE_CHECKING:
    from ich_node.ledger import Activation, ActivationLedger
    from ich_node.model.bundle_header import BundleHeader

app = typer.Typer(
    no_args_is_help=True, help="The models: import, list, show, activate, roll back, compare."
)
BundleFile = Annotated[
    Path, typer.Argument(help="A bundle file (.safetensors).", exists=True, dir_okay=False)
]
Why = Annotated[str, typer.Option(help="The reason, kept with the activation.")]


@app.command("import-published")
def import_published(
    file: Annotated[
        Path,
        typer.Argument(
            help="MaxPool.pt or Attention.pt, as the authors published them.",
            exists=True,
            dir_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The bundle file to write.", dir_okay=False)],
) -> None:
    """Turn the authors' state dict into a bundle with their tuned h, T and d."""
    import pickle

    import torch

    from ich_node.model.bundle import pack_bundle
    from ich_node.model.bundle_file import open_bundle
    from ich_node.model.import_published import convert_published

    try:
        state = torch.load(file, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise BundleError(
            f"{file}: not a PyTorch state dict that can be loaded without running code: {error}"
        ) from error
    if not isinstance(state, dict):
        raise BundleError(
            f"{file}: holds a {type(state).__name__}, not a state dict (name -> tensor)"
        )
    card, weights = convert_published(
        state, source=file.name, created=datetime.now(UTC).date().isoformat()
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(pack_bundle(card, weights))
    bundle = open_bundle(out)
    typer.echo(f"{out}: {bundle.name}, sha256 {bundle.sha256}")
    typer.echo(f"licence: {card.licence}")


@app.command("list")
def list_models(context: typer.Context) -> None:
    """The bundle that reads now, as its file states it, shadows, and every activation, the newest
    first.

    The weights are not verified here: `model activate` and the analyser do that before they are
    used. A file that is missing or is no bundle is an error.
    """
    from ich_node.model.bundle_file import read_header

    path, activations = context.obj.active_bundle_path(), _activations(context)
    try:
        header = read_header(path)
    except BundleError:
        _print_activations(activations)
        raise
    typer.echo(f"reading now: {header.name} {header.sha256[:12]} ({path})")
    if header.demonstration:
        typer.echo(f"WARNING: {DEMONSTRATION_MODEL}")
    if activations and activations[0].sha256 != header.sha256:
        typer.echo("WARNING: this file is not the one that was activated: its sha256 differs")
    _print_newer_edition(header)
    model_shadow.print_shadows(context.obj)
    _print_activations(activations)


def _print_newer_edition(reads: "BundleHeader") -> None:
    """Where an earlier version's shipped bundle reads: an activation stays as it is, so that no
    update changes who answers; the admin decides.
    """
    from ich_node.model.bundle_file import read_header, shipped_bundle

    path = shipped_bundle()
    shipped = read_header(path)
    if reads.is_earlier_edition and shipped.sha256 not in reads.lineage:
        typer.echo(f"this version ships a newer edition: {shipped.name} {shipped.sha256[:12]}")
        typer.echo(f"  to read with it: ich-node model activate {path}")


def _activations(context: typer.Context) -> Sequence["Activation"]:
    """The newest first; none where there is no ledger yet."""
    from ich_node.errors import NoLedger

    try:
        activations: Sequence[Activation] = context.obj.existing_ledger().activations.activations()
    except NoLedger:
        return []
    return activations


def _print_activations(activations: Sequence["Activation"]) -> None:
    for each in activations:
        typer.echo(f"{local(each.at)} {each.name} {each.sha256[:12]} by {each.who}: {each.why}")


@app.command()
def show(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A bundle file; default: the one that reads now.", exists=True, dir_okay=False
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Load the bundle, too, and run its self-check.")
    ] = False,
) -> None:
    """The bundle's card as JSON, as the file states it; only --verify checks the weights."""
    from ich_node.model.bundle_file import open_bundle, read_header

    path = file or context.obj.active_bundle_path()
    if verify:
        open_bundle(path)
    header = read_header(path)
    card = {name: value for name, value in header.card.items() if name != "self_check_peaks"}
    facts = {"sha256": header.sha256} | card | {"demonstration": header.demonstration}
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    if header.demonstration:
        typer.echo(f"WARNING: {DEMONSTRATION_MODEL}", err=True)


@app.command()
def activate(context: typer.Context, file: BundleFile, why: Why = "") -> None:
    """Verify this bundle and read with it from the next job on. A copy of the file is kept in the
    spool's folder.
    """
    from ich_node.model.bundle_file import KEPT_IN, keep_bundle, open_bundle

    bundle = open_bundle(file)
    kept = keep_bundle(file.read_bytes(), context.obj.config.spool.path / KEPT_IN)
    ledger: ActivationLedger = context.obj.ledger().activations
    ledger.activate_bundle(
        path=str(kept),
        sha256=bundle.sha256,
        name=bundle.name,
        who=who(),
        why=why,
        now=datetime.now(UTC),
    )
    typer.echo(f"activated {bundle.name} {bundle.sha256[:12]}")
    if bundle.demonstration:
        typer.echo(f"WARNING: {DEMONSTRATION_MODEL}")


@app.command()
def rollback(context: typer.Context, why: Why = "") -> None:
    """Activate the bundle before the current one."""
    ledger: ActivationLedger = context.obj.ledger_in_place().activations
    activation = ledger.rollback_bundle(who=who(), why=why, now=datetime.now(UTC))
    typer.echo(f"activated {activation.name} {activation.sha256[:12]}")


model_rule.add_to(app)
model_calibrate.add_to(app)
model_shadow.add_to(app)
model_compare.add_to(app)
