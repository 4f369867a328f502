"""model import-published, list, show, activate, rollback."""

import getpass
import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli import model_rule
from ich_node.errors import BundleError

if TYPE_CHECKING:
    from ich_node.ledger import ActivationLedger

app = typer.Typer(no_args_is_help=True, help="The models: import, look at, activate, roll back.")
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
    """The bundle that reads now, and every activation before it."""
    from ich_node.analyse.active_bundle import ActiveBundle

    ledger: ActivationLedger = context.obj.ledger().activations
    shelf = ActiveBundle(ledger, context.obj.config.bundle.path)
    current = shelf.current()
    typer.echo(f"reading now: {current.name} {current.sha256[:12]} ({shelf.current_path()})")
    for activation in ledger.activations():
        typer.echo(
            f"{activation.at:%Y-%m-%d %H:%M:%S}Z {activation.name} {activation.sha256[:12]} by {activation.who}: {activation.why}"
        )


@app.command()
def show(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A bundle file; default: the one that reads now.", exists=True, dir_okay=False
        ),
    ] = None,
) -> None:
    """The bundle's card as JSON; loading it verifies it."""
    from ich_node.analyse.active_bundle import ActiveBundle
    from ich_node.model.bundle_file import open_bundle

    bundle = (
        open_bundle(file)
        if file
        else ActiveBundle(
            context.obj.ledger().activations, context.obj.config.bundle.path
        ).current()
    )
    card = {
        name: value for name, value in asdict(bundle.card).items() if name != "self_check_peaks"
    }
    typer.echo(json.dumps({"sha256": bundle.sha256} | card, indent=2, ensure_ascii=False))


@app.command()
def activate(context: typer.Context, file: BundleFile, why: Why = "") -> None:
    """Let this bundle read from the next job on. It is verified, and a copy is kept beside the
    spool.
    """
    from ich_node.model.bundle_file import open_bundle

    bundle = open_bundle(file)
    kept = _keep(file.read_bytes(), context.obj.config.spool.path / "bundles")
    ledger: ActivationLedger = context.obj.ledger().activations
    ledger.activate_bundle(
        path=str(kept),
        sha256=bundle.sha256,
        name=bundle.name,
        who=getpass.getuser(),
        why=why,
        now=datetime.now(UTC),
    )
    typer.echo(f"activated {bundle.name} {bundle.sha256[:12]}")


@app.command()
def rollback(context: typer.Context, why: Why = "") -> None:
    """Activate the bundle before the current one."""
    ledger: ActivationLedger = context.obj.ledger().activations
    activation = ledger.rollback_bundle(who=getpass.getuser(), why=why, now=datetime.now(UTC))
    typer.echo(f"activated {activation.name} {activation.sha256[:12]}")


def _keep(data: bytes, folder: Path) -> Path:
    """A copy under its own hash, so that the admin may move or overwrite the original and a
    rollback still finds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
    if not kept.exists():
        temporary = kept.with_suffix(".tmp")
        temporary.write_bytes(data)
        temporary.rename(kept)
    return kept.resolve()


model_rule.add_to(app)
