"""`ich-node train mean`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from training.errors import DataError


def mean(
    bundles: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE...",
            help="Trained from one start with different seeds.",
            exists=True,
            dir_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The new bundle.", dir_okay=False)],
) -> None:
    """Write the mean of several bundles' weights. Its calibration is that of the first: go on with
    `ich-node train run --start`, for a part of an epoch at a low rate.
    """
    from ich_node.model.bundle_file import open_bundle
    from training.mean_bundle import mean_bundle

    if out.exists():
        raise DataError(f"{out} exists; give the new bundle another name")
    data = mean_bundle([open_bundle(path) for path in bundles], at=datetime.now(UTC))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    typer.echo(f"{out}: {open_bundle(out).card.provenance.source}")
