"""`ich-node train run` and `train pool`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ich_node.errors import ConfigError
from training.commands import KINDS, Kind, read_with_progress
from training.errors import DataError

if TYPE_CHECKING:  # torch takes seconds, and `ich-node --help` need not wait for it
    from training.datasets.labelled import Found, Source
    from training.distributed import Ranks
    from training.presets import Head, Preset
    from training.run import Data, Parts

FIRST = 5  # skipped things that are named; skipped.csv names them all

messages = Console(stderr=True, highlight=False)


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A data set's folder, or a phantom pool.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The run's folder: bundle, curves, checkpoint. The same again goes on.",
            file_okay=False,
        ),
    ],
    preset: Annotated[str, typer.Option(help="paper, published, product.")] = "product",
    head: Annotated[str, typer.Option(help="max, attention.")] = "max",
    split: Annotated[
        Path | None,
        typer.Option(
            help="The data set's split file (`ich-node train split`).", exists=True, dir_okay=False
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            help="With a phantom pool: a pool of another seed.", exists=True, file_okay=False
        ),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="A bundle to start from.", exists=True, dir_okay=False)
    ] = None,
    cache: Annotated[
        Path, typer.Option(help="Where decoded slices are kept for all runs.", file_okay=False)
    ] = Path("runs/cache"),
    kind: Kind = "auto",
    epochs: Annotated[
        float | None,
        typer.Option(min=0.001, help="Length; default: the preset's, whose steps stretch."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=2, help="Slices a step, over all processes; default: the preset's."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Highest learning rate; default: the preset's.")
    ] = None,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Learn from slice labels, though there are masks.")
    ] = False,
    size: Annotated[
        int, typer.Option(min=64, help="Matrix of the network's input; a coarse one learns sooner.")
    ] = 256,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda.")] = "cpu",
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that prepare slices; 0: none but this one.")
    ] = 1,
) -> None:
    """Train a network and write it as a bundle. A run that was killed goes on when the same command
    is given again.

    On several GPUs or hosts: torchrun --nproc-per-node 4 -m ich_node train run ... --device cuda
    """
    from training.distributed import joined
    from training.loop import Run, train
    from training.presets import preset_of
    from training.run import check_start, finish
    from training.tuning_commands import open_bundle

    if head not in ("max", "attention"):
        raise typer.BadParameter(f"{head} is neither max nor attention", param_hint="--head")
    recipe = preset_of(preset).adjusted(
        head=cast("Head", head), epochs=epochs, batch=batch, rate=rate, masks=not labels_only
    )
    recipe = recipe.sized(size)
    parent = open_bundle(start) if start else None
    if parent:
        check_start(parent, recipe)
    _check_device(device)
    out.mkdir(parents=True, exist_ok=True)
    with joined(device) as ranks:
        data = _data(
            folder,
            recipe,
            ranks,
            split=split,
            validation=validation,
            cache=cache,
            kind=kind,
            workers=workers,
        )
        if ranks.first:
            _say_skipped(data)
        job = Run(
            preset=recipe,
            training=data.training,
            validation=data.validation,
            folder=out,
            seed=seed,
            device=device,
            workers=workers,
            ranks=ranks,
            start=parent.weights if parent else None,
        )
        with _steps_bar(ranks) as report:
            trained = train(job, report)
        if ranks.first:
            path = finish(job, data, trained, start=parent, at=datetime.now(UTC))
            card = open_bundle(path).card
            auc, threshold = (
                card.provenance.details["validation_auc"],
                card.operating_point.threshold,
            )
            typer.echo(
                f"{path}: AUC {auc} on {len(data.validation)} validation slices, threshold {threshold}"
            )


def pool(
    out: Annotated[Path, typer.Option(help="The folder of the pool.", file_okay=False)],
    slices: Annotated[int, typer.Option(min=64, help="How many, in chunks of 64.")] = 8192,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    size: Annotated[int, typer.Option(min=64, help="Matrix; 256 is what the presets take.")] = 256,
    workers: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Make (or go on with) a pool of phantom slices with masks: data that anybody may have."""
    from training.pool import make_pool

    with _bar("phantom slices") as advance:
        for ready in make_pool(out, slices, seed=seed, workers=workers, size_px=size):
            advance(ready, slices)
    typer.echo(f"{out}: {slices} slices, seed {seed}")


def _data(
    folder: Path,
    preset: "Preset",
    ranks: "Ranks",
    *,
    split: Path | None,
    validation: Path | None,
    cache: Path,
    kind: str,
    workers: int,
) -> "Data":
    from training.examples import is_pool
    from training.run import data_of_pools, data_of_set

    if is_pool(folder):
        if validation is None:
            raise DataError(
                f"{folder} is a phantom pool: give --validation, a pool of another --seed"
            )
        return data_of_pools(folder, validation, preset)
    if validation is not None:
        raise DataError(
            f"--validation goes with a phantom pool, and {folder} is none: a data set has its split for that"
        )
    if split is None:
        raise DataError(
            f"{folder} needs --split FILE; write one with `ich-node train split {folder} --out FILE`"
        )
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind} is none of {', '.join(KINDS)}", param_hint="--kind")
    source = None if kind == "auto" else cast("Source", kind)
    found, parts = ranks.from_first(lambda: _read_set(folder, source, split, cache, workers))
    return data_of_set(found, parts, cache, preset)


def _read_set(
    folder: Path, source: "Source | None", split: Path, cache: Path, workers: int
) -> "tuple[Found, Parts]":
    """What is there and who is in which part; after this the cache holds it all."""
    from training.cache import fill_cache
    from training.run import open_parts

    found = read_with_progress(folder, source)
    parts = open_parts(found, split)
    with _bar("caching series") as advance:
        fill_cache(cache, parts.all(), workers=workers, progress=advance)
    return found, parts


def _check_device(device: str) -> None:
    import torch

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"{device} is neither cpu nor cuda", param_hint="--device")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: this torch sees no GPU; install the CUDA build, or train with --device cpu"
        )


def _say_skipped(data: "Data") -> None:
    if not data.skipped:
        return
    messages.print(f"{len(data.skipped)} left out:", markup=False)
    for reason, count in data.reasons().items():
        messages.print(f"  {count} x {reason}", markup=False)
        for skip in [skip for skip in data.skipped if skip.reason == reason][:FIRST]:
            messages.print(
                f"      {skip.what}" + (f": {skip.detail}" if skip.detail else ""), markup=False
            )


@contextmanager
def _steps_bar(ranks: "Ranks") -> Iterator[Callable[[int, int, str], None]]:
    """report(step, of, words) moves the bar and says the words; only one process has a bar."""
    if not ranks.first:
        yield lambda *_: None
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("training", total=None, words="")
        yield lambda step, of, words: bar.update(task, completed=step, total=of, words=words)


@contextmanager
def _bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """advance(done, total) moves the bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages, transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def add_to_train(app: typer.Typer) -> None:
    """Put the commands into the group `train`."""
    app.command("run")(run)
    app.command("pool")(pool)
