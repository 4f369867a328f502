"""`ich-node train show`."""

from pathlib import Path
from typing import Annotated

import typer

from ich_node.errors import ConfigError


def show(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="POOL", help="A pool of `ich-node train pool`.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="The picture to write, a PNG.", dir_okay=False)],
    slices: Annotated[int, typer.Option(min=1, help="How many, chosen at random.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Another seed shows other slices.")] = 0,
) -> None:
    """Draw a contact sheet of a pool: slices in the brain window, blood outlined, each with its
    number and the area of its blood.
    """
    from training.pool_sheet import draw_sheet

    if out.suffix.lower() != ".png":
        raise typer.BadParameter(f"{out} does not end in .png", param_hint="--out")
    try:
        drawn, positive = draw_sheet(folder, out, count=slices, seed=seed)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from error
    typer.echo(f"{out}: {drawn} slices of {folder}, {positive} of them with blood")
