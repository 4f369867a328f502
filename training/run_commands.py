"""`ich-node train run`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from training.options import Device, Kind, check_device, source_of
from training.plots import check_plots
from training.terminal import say_left_out, training_bar

if TYPE_CHECKING:  # see training.options
    from training.presets import Head


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A data set's folder, or a pool.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The run's folder: bundle, curve, checkpoint. Given again, a run is continued.",
            file_okay=False,
        ),
    ],
    preset: Annotated[str, typer.Option(help="paper, published, product.")] = "product",
    head: Annotated[str, typer.Option(help="max, attention.")] = "max",
    mix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATA=WEIGHT",
            help="Also learn from this pool or data set, so many of its examples for each one of"
            " DATA. May be repeated.",
        ),
    ] = None,
    split: Annotated[
        list[Path] | None,
        typer.Option(
            help="The data set's split file (`ich-node train split`); one for each data set.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            help="With a pool: a pool of another seed. May be repeated.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    boxes_as_masks: Annotated[
        bool | None,
        typer.Option(
            "--boxes-as-masks/--no-boxes-as-masks",
            help="Whether what looks like fresh blood in the boxes of a data set is its mask;"
            " default: where --mix is given and the preset learns from masks.",
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
        typer.Option(
            min=0.001, help="Length; default: the preset's. Its learning rate steps scale with it."
        ),
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
        int, typer.Option(min=64, help="Matrix of the network's input; a coarse one trains faster.")
    ] = 256,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that prepare slices; 0: none but this one.")
    ] = 1,
) -> None:
    """Train a network and write it as a bundle. A run that was killed is continued when the same
    command is given again.

    On several GPUs or hosts: torchrun --nproc-per-node 4 -m ich_node train run ... --device cuda
    """
    from ich_node.model.bundle_file import open_bundle
    from training.distributed import joined
    from training.loop import train
    from training.presets import preset_of
    from training.run_data import Wanted, data_of_run
    from training.trained_bundle import check_start, write_results
    from training.training_run import TrainingRun

    if head not in ("max", "attention"):
        raise typer.BadParameter(f"{head} is neither max nor attention", param_hint="--head")
    recipe = preset_of(preset).adjusted(
        head=cast("Head", head), epochs=epochs, batch=batch, rate=rate, masks=not labels_only
    )
    recipe = recipe.sized(size)
    parent = open_bundle(start) if start else None
    if parent:
        check_start(parent, recipe)
    check_device(device)
    check_plots("train run")
    out.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(
        folder=folder,
        mix=mix or (),
        splits=split or (),
        validation=validation or (),
        source=source_of(kind),
        cache=cache,
        boxes_as_masks=boxes_as_masks,
    )
    with joined(device) as processes:
        data = data_of_run(wanted, preset=recipe, processes=processes, workers=workers)
        if processes.is_first:
            say_left_out(data.skipped)
        training_run = TrainingRun(
            preset=recipe,
            training=data.training,
            validation=data.validation,
            folder=out,
            seed=seed,
            device=device,
            workers=workers,
            processes=processes,
            start=parent.weights if parent else None,
        )
        with training_bar(shown=processes.is_first, batch=recipe.batch) as report:
            trained = train(training_run, report)
        if processes.is_first:
            path = write_results(
                training_run, data=data, trained=trained, start=parent, at=datetime.now(UTC)
            )
            card = open_bundle(path).card
            typer.echo(
                f"{path}: AUC {card.provenance.details['validation_auc']} "
                f"on {len(data.validation)} validation slices, "
                f"threshold {card.operating_point.threshold}"
            )
