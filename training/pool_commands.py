"""`ich-node train pool`."""

from pathlib import Path
from typing import Annotated

import typer

from training.errors import DataError
from training.progress import Work, progress
from training.terminal import counting_files, progress_bar, say_left_out


def pool(
    out: Annotated[Path, typer.Option(help="The folder of the pool.", file_okay=False)],
    slices: Annotated[int, typer.Option(min=64, help="How many, in chunks of 64.")] = 8192,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    size: Annotated[int, typer.Option(min=64, help="Matrix; 256 is what the presets take.")] = 256,
    workers: Annotated[int, typer.Option(min=1)] = 2,
    tissue: Annotated[
        Path | None,
        typer.Option(
            help="Draw bleeds into these heads, not into phantoms: DICOM studies that are all"
            " known to be negative, or a data set, whose negative series are taken.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            help="With --tissue: the split file (`ich-node train split`) of its patients.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="With --split: the part whose heads are taken.")
    ] = None,
) -> None:
    """Make, or complete, a pool of slices with drawn bleeds and their masks: of phantoms, or of
    real heads without bleeding.
    """
    if (split is None) != (part is None):
        raise DataError("--split and --part go together: a part of the patients of a split")
    if tissue is not None:
        _of_tissue(
            out,
            tissue,
            slices=slices,
            seed=seed,
            size=size,
            workers=workers,
            split=split,
            part=part,
        )
        return
    if split is not None:
        raise DataError("--split goes with --tissue: phantoms are no patients")
    from training.pool import make_pool
    from training.pool_facts import PHANTOM_LICENCE, PoolFacts, write_facts

    facts = PoolFacts(
        source="phantom", seed=seed, slices=slices, size_px=size, licence=PHANTOM_LICENCE
    )
    write_facts(out, facts)
    with progress_bar("phantom slices", "slices") as advance:
        for ready in make_pool(out, slices, seed=seed, workers=workers, size_px=size):
            advance(ready, slices)
    typer.echo(f"{out}: {slices} slices, seed {seed}")


def _of_tissue(
    out: Path,
    tissue: Path,
    *,
    slices: int,
    seed: int,
    size: int,
    workers: int,
    split: Path | None,
    part: str | None,
) -> None:
    from training.pool_facts import described
    from training.splits import choose_part, open_split
    from training.tissue.negative_series import find_negatives
    from training.tissue_pool import make_tissue_pool

    with counting_files("reading headers") as count:
        found = find_negatives(tissue, progress=count)
    opened = open_split(split, parts=(part,)) if split and part else None
    series = choose_part(found.series, opened, part or "") if opened else found.series
    works = (
        Work(description="reading heads", unit="heads"),
        Work(description="drawing", unit="slices"),
    )
    with progress(*works) as (reading, drawing):
        facts, skipped = make_tissue_pool(
            out,
            series,
            slices,
            seed=seed,
            workers=workers,
            size_px=size,
            split=opened,
            part=part or "",
            reading=reading,
            drawing=drawing,
        )
    say_left_out((*found.skipped, *skipped))
    typer.echo(f"{out}: {slices} slices, {described(facts)}")
