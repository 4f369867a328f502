"""`ich-node tune` and `ich-node evaluate`, an entry point of ich_node.commands.

As of training.commands: nothing heavy is imported before a command runs.
"""

import csv
import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.errors import BundleError
from training.options import BoxTable, Chronic, Device, Folder, Kind, SplitFile, source_of
from training.plots import check_plots
from training.terminal import progress_bar, read_with_progress, say, say_skipped

if TYPE_CHECKING:  # see training.options
    from training.datasets.labelled import Found, LabelledSeries
    from training.evaluate import Evaluation
    from training.predictions import Predictions
    from training.tune import Search


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
    from ich_node.model.bundle_file import open_bundle
    from ich_node.model.detector import Detector
    from ich_node.model.engines.choose import required_engine
    from ich_node.model.revise import revise
    from training.panels import draw_search
    from training.predictions import predict
    from training.rule_ranges import RuleRanges
    from training.tunable_slices import prepare
    from training.tune import search

    if out.exists():
        raise BundleError(f"{out} exists; a tuned bundle is a new file: choose another --out")
    check_plots("tune")
    parent = open_bundle(bundle)
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    default_part = "tune" if found.source in ("cq500", "bhx") else "validation"
    labelled, data = _choose_part(found, split=split, part=part or default_part)
    detector = Detector(parent, required_engine(parent, device))
    with progress_bar("reading series", "series") as advance:
        predictions = predict(detector, labelled, cache=cache, progress=advance)
    say_skipped(predictions.skipped, total=len(labelled))
    with progress_bar("finding peaks", "slices") as advance:
        slices, floor = prepare(
            predictions.slices, bundle=parent, ignored_kinds=_ignored(chronic), progress=advance
        )
    ranges = RuleRanges(
        slices,
        floor=floor,
        size_px=parent.input.size_px,
        gate=gate,
        exclude_border=exclude_border,
    )
    with progress_bar("trying rules", "rules") as advance:
        result = search(
            slices,
            ranges=ranges,
            start=parent.peak_rule,
            evaluations=evaluations,
            seed=seed,
            progress=lambda done: advance(done, evaluations),
        )
    why = f"tuned on {folder.name}: Dice {result.best.dice:.4f}, before {result.before.dice:.4f}"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(
        revise(
            parent,
            result.best.rule,
            who=getpass.getuser(),
            why=why,
            at=datetime.now(UTC),
            evidence=data | _evidence(result, predictions=predictions, seed=seed),
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
    """Read labelled series as the node would, and measure the results: Table I of the paper, and a
    model card.
    """
    from ich_node.model.bundle_file import open_bundle
    from training.evaluate import evaluate as evaluate_bundles
    from training.figures import figures
    from training.model_card import localisation_table, model_card, names_of, study_tables

    check_plots("evaluate")
    bundles = [open_bundle(path) for path in bundle]
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    labelled, data = _choose_part(found, split=split, part=part, for_evaluation=True)
    with progress_bar("reading series", "series") as advance:
        evaluations = evaluate_bundles(
            bundles,
            labelled=labelled,
            ignored_kinds=_ignored(chronic),
            device=device,
            progress=advance,
        )
    say_skipped(evaluations[0].skipped, total=len(labelled))
    documents = [figures(evaluation, resamples=resamples, seed=seed) for evaluation in evaluations]
    out.mkdir(parents=True, exist_ok=True)
    pictures = _draw(evaluations, names=names_of(bundles), folder=out)
    (out / "card.md").write_text(
        model_card(bundles, documents=documents, data=data, pictures=pictures), encoding="utf-8"
    )
    (out / "figures.json").write_text(
        json.dumps({"data": data, "bundles": documents}, indent=1), encoding="utf-8"
    )
    if documents[0]["localisation"]["boxes"]:
        typer.echo(localisation_table(names_of(bundles), documents))
    else:
        say("the data set has no boxes: slices and studies are measured, not places")
        typer.echo(study_tables(names_of(bundles), documents))
    typer.echo(f"wrote {out / 'card.md'}")


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


def _evidence(result: "Search", *, predictions: "Predictions", seed: int) -> dict[str, Any]:
    """What the revision says about the search that it rests on."""
    return {
        "method": "Bayesian optimisation of Dice (paper §II-D)",
        "evaluations": len(result.trials),
        "seed": seed,
        "patients": len({slice_.patient_id for slice_ in predictions.slices}),
        "slices": len(predictions.slices),
        "skipped_series": len(predictions.skipped),
        "unread_boxes": predictions.unread_boxes,
        "counts": asdict(result.best.counts),
        "dice": round(result.best.dice, 4),
        "dice_before": round(result.before.dice, 4),
        "on_bounds": list(result.on_bounds),
    }


def _draw(evaluations: "Sequence[Evaluation]", *, names: Sequence[str], folder: Path) -> list[str]:
    """Examples of every bundle, and one FROC curve each; returns the names of the files."""
    from ich_node.scoring.froc import froc
    from training.panels import draw_examples, draw_froc

    pictures = []
    for name, evaluation in zip(names, evaluations, strict=True):
        if evaluation.examples:
            pictures.append(f"examples-{evaluation.bundle.sha256[:8]}.png")
            draw_examples(evaluation.examples, folder / pictures[-1], title=name)
    pictures.append("froc.png")
    curves = [
        (name, froc(evaluation.scored)) for name, evaluation in zip(names, evaluations, strict=True)
    ]
    draw_froc(curves, folder / pictures[-1])
    return pictures


def _choose_part(
    found: "Found", *, split: Path | None, part: str, for_evaluation: bool = False
) -> "tuple[Sequence[LabelledSeries], dict[str, Any]]":
    """The series to read, and how they were chosen, for the record."""
    from training.splits import choose_part, open_split

    data: dict[str, Any] = {
        "data_set": found.source,
        "left_out": {why: count for why, (count, _) in found.reasons().items()},
    }
    for reason, count in data["left_out"].items():
        say(f"left out of the data set: {count} x {reason}")
    if split is None:
        say(
            "no --split: every patient is read; "
            "a figure is honest only on patients that nothing was learned from"
        )
        return found.series, data | {"part": "everyone"}
    opened = open_split(split, parts=(part,), for_evaluation=for_evaluation)
    return choose_part(found.series, opened, part), data | {
        "part": part,
        "split_sha256": opened.sha256,
    }


def _ignored(chronic: bool) -> frozenset[str]:
    from training.datasets.labelled import CHRONIC

    return frozenset() if chronic else frozenset({CHRONIC})


def add_to(app: typer.Typer) -> None:
    """Add `tune` and `evaluate`."""
    app.command()(tune)
    app.command()(evaluate)
