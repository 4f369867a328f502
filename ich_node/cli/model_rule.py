"""model set-rule."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.who import who
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import BundleError

if TYPE_CHECKING:  # it imports torch, which `ich-node model list` need not wait for
    from ich_node.detection.peaks import PeakRule

BundleFile = Annotated[
    Path, typer.Argument(help="A bundle file (.safetensors).", exists=True, dir_okay=False)
]


def set_rule(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            help="The new bundle file; an existing file is never overwritten.", dir_okay=False
        ),
    ],
    why: Annotated[str, typer.Option(help="The reason, kept in the bundle.")],
    h: Annotated[
        float | None,
        typer.Option("--h", min=0, help="Peaks stand out by this much, in the map's unit."),
    ] = None,
    t: Annotated[
        float | None, typer.Option("--T", help="Peaks are higher than this, in the map's unit.")
    ] = None,
    d: Annotated[
        int | None,
        typer.Option("--d", min=1, help="Peaks are this far apart, in pixels of the input."),
    ] = None,
    gate: Annotated[
        float | None,
        typer.Option(
            "--gate", min=0, max=1, help="Slices less probable than this have no peaks; 0 is off."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Series at least this probable are positive. The gate moves with it, and T down,"
            " so that a positive series has marks.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The bundle to start from; default: the one that reads now.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Make a new bundle with another threshold or another rule for peaks. `ich-node model activate`
    activates it.
    """
    from ich_node.model.bundle_file import open_bundle
    from ich_node.model.revise import revise, rule_for

    if not why.strip():
        raise typer.BadParameter("give the reason", param_hint="--why")
    if out.exists():
        raise BundleError(f"{out} exists; a revision is a new file: choose another --out")
    path = bundle or context.obj.active_bundle_path()
    parent = open_bundle(path)
    wanted = {"min_prominence": h, "min_likelihood": t, "min_distance_px": d, "slice_gate": gate}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    moved = parent.peak_rule if threshold is None else rule_for(parent, threshold)
    rule = replace(moved, **given)
    before = parent.operating_point.threshold
    if rule == parent.peak_rule and threshold in (None, before):
        raise BundleError(
            f"{parent.name} has this rule already: threshold {before:g}, {_rule_words(rule)}; "
            "give at least one of --threshold, --h, --T, --d and --gate another value"
        )
    data = revise(parent, rule, who=who(), why=why, at=datetime.now(UTC), threshold=threshold)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    revised = open_bundle(out)
    typer.echo(f"{out}: {revised.name}")
    typer.echo(f"sha256 {revised.sha256}")
    typer.echo(f"parent {parent.sha256}")
    typer.echo(f"threshold {revised.operating_point.threshold:g} (before: {before:g})")
    typer.echo(f"peaks: {_rule_words(rule)} (before: {_rule_words(parent.peak_rule)})")
    if revised.demonstration:
        typer.echo(f"WARNING: {DEMONSTRATION_MODEL}")


def _rule_words(rule: "PeakRule") -> str:
    """By the names of the options."""
    gate = f"gate {rule.slice_gate:g}" if rule.slice_gate else "no gate"
    return f"h {rule.min_prominence:g}, T {rule.min_likelihood:g}, d {rule.min_distance_px}, {gate}"


def add_to(app: typer.Typer) -> None:
    """app: the `model` commands."""
    app.command("set-rule")(set_rule)
