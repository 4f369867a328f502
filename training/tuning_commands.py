"""`ich-node tune` and `ich-node evaluate`."""

import csv
import getpass
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

from ich_node.errors import BundleError
from training.commands import BoxTable, Chronic, Folder, Kind, read_with_progress, source_of
from training.datasets.labelled import CHRONIC, Found, LabelledSeries, Skip

if TYPE_CHECKING:  # torch and matplotlib take seconds, and `ich-node --help` need not wait for them
    from ich_node.model.bundle import Bundle
    from training.tune import Search

FIRST = 5  # skipped series that are named

messages = Console(stderr=True, highlight=False)

SplitFile = Annotated[
    Path | None,
    typer.Option(
        help="The data set's split file; without it every patient is read.",
        exists=True,
        dir_okay=False,
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda.")]


def tune(
    folder: Folder,
    bundle: Annotated[
        Path, typer.Option(help="The bundle whose rule is tuned.", exists=True, dir_okay=False)
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The new bundle; the search goes beside it as .csv and .png.", dir_okay=False
        ),
    ],
    cache: Annotated[
        Path, typer.Option(help="Where likelihood maps are kept between runs.", file_okay=False)
    ] = Path("runs/maps"),
    split: SplitFile = None,
    part: Annotated[
        str, typer.Option(help="Of the split; default: tune for CQ500, else validation.")
    ] = "",
    evaluations: Annotated[int, typer.Option(min=2, help="Rules to try.")] = 150,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Tune the slice gate too, or switch it off.")
    ] = True,
    exclude_border: Annotated[
        bool,
        typer.Option(
            "--exclude-border",
            help="Drop peaks nearer than d to the edge, as the paper's detector.",
        ),
    ] = False,
    kind: Kind = "auto",
    boxes: BoxTable = None,
    chronic: Chronic = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
) -> None:
    """Find h, T, d and the slice gate with the highest Dice by Bayesian optimisation, and write
    them as a new bundle.
    """
    from ich_node.model.detector import Detector
    from ich_node.model.engines.choose import required_engine
    from ich_node.model.revise import revise
    from training.panels import draw_search
    from training.predictions import predict
    from training.tune import Ranges, prepare, search

    if out.exists():
        raise BundleError(f"{out} exists; a tuned bundle is a new file: choose another --out")
    parent = open_bundle(bundle)
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    labelled, data = _part(
        found, split, part or ("tune" if found.source in ("cq500", "bhx") else "validation")
    )
    with _bar("reading series") as advance:
        predictions = predict(
            Detector(parent, required_engine(parent, device)), labelled, cache, advance
        )
    _say_skipped(predictions.skipped, len(labelled))
    with _bar("finding peaks") as advance:
        slices, floor = prepare(
            predictions.slices, parent, ignored_kinds=_ignored(chronic), progress=advance
        )
    ranges = Ranges(slices, floor, parent.input.size_px, gate=gate, exclude_border=exclude_border)
    with _bar("trying rules") as advance:
        result = search(
            slices,
            ranges,
            parent.peak_rule,
            evaluations=evaluations,
            seed=seed,
            progress=lambda done, _: advance(done, evaluations),
        )
    evidence = data | {
        "method": "Bayesian optimisation of Dice (paper §II-D)",
        "evaluations": len(result.trials),
        "seed": seed,
        "patients": len({slice_.patient_id for slice_ in predictions.slices}),
        "slices": len(slices),
        "skipped_series": len(predictions.skipped),
        "unread_boxes": predictions.unread_boxes,
        "counts": asdict(result.best.counts),
        "dice": round(result.best.dice, 4),
        "dice_before": round(result.before.dice, 4),
        "on_bounds": list(result.on_bounds),
    }
    why = f"tuned on {folder.name}: Dice {result.best.dice:.4f}, before {result.before.dice:.4f}"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(
        revise(
            parent,
            result.best.rule,
            who=getpass.getuser(),
            why=why,
            at=datetime.now(UTC),
            evidence=evidence,
        )
    )
    write_search(result, out.with_suffix(".csv"))
    draw_search(result, out.with_suffix(".png"))
    typer.echo(f"{out}: {open_bundle(out).name}, {why}")
    typer.echo(f"rule {result.best.rule}")
    for sentence in result.on_bounds:
        typer.echo(f"note: {sentence}")


def evaluate(
    folder: Folder,
    bundle: Annotated[
        list[Path],
        typer.Option(
            help="A bundle; give several to put them side by side.", exists=True, dir_okay=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the model card, its pictures and figures.json.", file_okay=False
        ),
    ],
    split: SplitFile = None,
    part: Annotated[str, typer.Option(help="Of the split.")] = "test",
    kind: Kind = "auto",
    boxes: BoxTable = None,
    chronic: Chronic = True,
    resamples: Annotated[
        int, typer.Option(min=100, help="Draws of patients for the intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
) -> None:
    """Read labelled series as the node would, and say how good that is: Table I of the paper, and a
    model card.
    """
    from ich_node.scoring.froc import froc
    from training.evaluate import evaluate as run
    from training.evaluate import figures
    from training.model_card import localisation_table, model_card
    from training.panels import draw_examples, draw_froc

    bundles = [open_bundle(path) for path in bundle]
    names = [f"{item.name} {item.sha256[:8]}" for item in bundles]
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    labelled, data = _part(found, split, part, for_evaluation=True)
    with _bar("reading series") as advance:
        evaluations = run(
            bundles, labelled, ignored_kinds=_ignored(chronic), device=device, progress=advance
        )
    _say_skipped(evaluations[0].skipped, len(labelled))
    documents = [figures(evaluation, resamples=resamples, seed=seed) for evaluation in evaluations]
    out.mkdir(parents=True, exist_ok=True)
    pictures = []
    for name, evaluation in zip(names, evaluations, strict=True):
        if evaluation.examples:
            pictures.append(f"examples-{evaluation.bundle.sha256[:8]}.png")
            draw_examples(evaluation.examples, out / pictures[-1], name)
    pictures.append("froc.png")
    draw_froc(
        [
            (name, froc(evaluation.scored))
            for name, evaluation in zip(names, evaluations, strict=True)
        ],
        out / pictures[-1],
    )
    (out / "card.md").write_text(
        model_card(bundles, documents, data=data, pictures=pictures), encoding="utf-8"
    )
    (out / "figures.json").write_text(
        json.dumps({"data": data, "bundles": documents}, indent=1), encoding="utf-8"
    )
    typer.echo(localisation_table(names, documents))
    typer.echo(f"wrote {out / 'card.md'}")


def open_bundle(path: Path) -> "Bundle":
    """Raises BundleError with the path and the remedy."""
    from ich_node.model.bundle import load_bundle

    return load_bundle(path.read_bytes(), origin=str(path))


def write_search(search: "Search", path: Path) -> None:
    """Every trial as a line of CSV."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["trial", "h", "T", "d", "gate", "tp", "fp", "fn", "dice"])
        for number, trial in enumerate(search.trials, start=1):
            rule, counts = trial.rule, trial.counts
            numbers = (
                rule.min_prominence,
                rule.min_likelihood,
                rule.min_distance_px,
                rule.slice_gate,
            )
            table.writerow(
                [number, *numbers, counts.tp, counts.fp, counts.fn, f"{counts.dice:.6f}"]
            )


def _part(
    found: Found, split: Path | None, part: str, *, for_evaluation: bool = False
) -> tuple[Sequence[LabelledSeries], dict[str, Any]]:
    """The series to read, and how they were chosen, for the record."""
    from training.splits import choose_part, open_split

    data: dict[str, Any] = {
        "data_set": found.source,
        "left_out": {why: count for why, (count, _) in found.reasons().items()},
    }
    for reason, count in data["left_out"].items():
        messages.print(f"left out of the data set: {count} x {reason}", markup=False)
    if split is None:
        messages.print(
            "no --split: every patient is read; a figure is honest only on patients that nothing was learned from"
        )
        return found.series, data | {"part": "everyone"}
    opened = open_split(split, parts=(part,), for_evaluation=for_evaluation)
    return choose_part(found.series, opened, part), data | {
        "part": part,
        "split_sha256": opened.sha256,
    }


def _ignored(chronic: bool) -> frozenset[str]:
    return frozenset() if chronic else frozenset({CHRONIC})


def _say_skipped(skipped: Sequence[Skip], total: int) -> None:
    if not skipped:
        return
    messages.print(f"{len(skipped)} of {total} series were skipped:", markup=False)
    for skip in skipped[:FIRST]:
        messages.print(f"  {skip.what}: {skip.reason} {skip.detail}", markup=False)
    if len(skipped) > FIRST:
        messages.print(f"  and {len(skipped) - FIRST} more", markup=False)


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


def add_to(app: typer.Typer) -> None:
    """Entry point of the group ich_node.commands."""
    app.command()(tune)
    app.command()(evaluate)
