"""`ich-node train`: look at a data set, and divide it by patient."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ich_node.errors import Refusal
from training.datasets import Found, Skip, load, read_dataset
from training.datasets.labelled import Source
from training.errors import DataError

FIRST = 5  # of each reason, in full
KINDS = ("auto", "rsna", "cq500", "bhx", "ct-ich", "phantom")

app = typer.Typer(no_args_is_help=True, help="Make models: look at the data, divide it, train.")
messages = Console(stderr=True, highlight=False)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The data set as it was unpacked: table and images.")
]
Kind = Annotated[str, typer.Option(help=f"{', '.join(KINDS)}.")]
BoxTable = Annotated[
    Path | None,
    typer.Option(help="CQ500, BHX: the box table; default: the hand-drawn one.", dir_okay=False),
]
Chronic = Annotated[
    bool,
    typer.Option(
        "--chronic/--no-chronic", help="BHX: whether a chronic box alone makes a slice positive."
    ),
]


@app.command("check-data")
def check_data(
    folder: Folder,
    kind: Kind = "auto",
    boxes: BoxTable = None,
    chronic: Chronic = True,
    pixels: Annotated[
        bool,
        typer.Option("--pixels", help="Read every series' pixels too, as training will (long)."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Say what a data set holds, what is left out, and why. Exit code 1 if nothing can be used."""
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    if pixels:
        found = _readable(found)
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False))
    else:
        for line in sentences(found):
            typer.echo(line)
    if not found.series:
        messages.print(
            f"{folder}: nothing can be used; the reasons above say what is missing", markup=False
        )
        raise typer.Exit(1)


@app.command()
def split(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="The split file; it is written once.", dir_okay=False)],
    kind: Kind = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Divide the patients of a data set as the paper did (RSNA 97:3, CQ500 2/5 to 3/5), once and
    for all.
    """
    from training.splits import FRACTIONS, data_set_of, make_split, write_split

    found = read_with_progress(folder, source_of(kind))
    data_set = data_set_of(found.source)
    divided = make_split(data_set, found.patients(), fractions=FRACTIONS[data_set], seed=seed)
    sha256 = write_split(divided, out)
    parts = ", ".join(f"{len(patients)} {part}" for part, patients in divided.patients.items())
    typer.echo(f"{out}: {parts} patients, sha256 {sha256}")


def read_with_progress(
    folder: Path, kind: Source | None, *, boxes: Path | None = None, chronic: bool = True
) -> Found:
    """read_dataset, with a count on the terminal."""
    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} files"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages, transient=True) as bar:
        task = bar.add_task("reading headers", total=None)
        return read_dataset(
            folder, kind, lambda files: bar.advance(task, files), boxes=boxes, chronic=chronic
        )


def document(found: Found) -> dict[str, Any]:
    """What check-data prints as JSON."""
    return {
        "kind": found.source,
        "folder": str(found.folder),
        "found": found.counts(),
        "bleeding": found.kinds(),
        "chosen": [
            {"series_instance_uid": series.series_instance_uid, "because": series.chosen_because}
            for series in found.series
            if series.chosen_because
        ],
        "left_out": [
            {
                "reason": reason,
                "count": count,
                "first": [{"what": skip.what, "detail": skip.detail} for skip in first],
            }
            for reason, (count, first) in found.reasons(FIRST).items()
        ],
    }


def sentences(found: Found) -> list[str]:
    """What check-data prints for a person."""
    counts = found.counts()
    lines = [
        f"{found.folder}: {found.source}",
        f"found {counts['series']} series of {counts['patients']} patients, {counts['positive_series']} with bleeding; "
        f"{counts['slices']} slices, {counts['labelled_slices']} of them labelled, {counts['positive_slices']} with bleeding; "
        f"{counts['boxes']} boxes",
    ]
    if kinds := found.kinds():
        lines.append("bleeding: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    lines.append(f"left out: {counts['skipped']}" if found.skipped else "left out: nothing")
    for reason, (count, first) in found.reasons(FIRST).items():
        lines.append(f"  {count} x {reason}")
        lines += [
            f"      {skip.what}" + (f": {skip.detail}" if skip.detail else "") for skip in first
        ]
        if count > len(first):
            lines.append(f"      and {count - len(first)} more")
    return lines


def _readable(found: Found) -> Found:
    """Without the series that `load` refuses."""
    readable, refused = [], []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages, transient=True) as bar:
        for series in bar.track(found.series, description="reading series"):
            try:
                left = load(series).left_out
            except Refusal as refusal:
                reason = f"a series not to be read: {refusal.reason}"
                refused.append(
                    Skip(what=series.series_instance_uid, reason=reason, detail=refusal.detail)
                )
            except DataError as error:
                refused.append(
                    Skip(
                        what=series.series_instance_uid,
                        reason="a series with a damaged file",
                        detail=error.detail,
                    )
                )
            else:
                readable.append(series)
                refused += [
                    Skip(what=item.sop_instance_uid, reason=f"an image: {item.reason}")
                    for item in left
                ]
    return Found(
        source=found.source,
        folder=found.folder,
        series=tuple(readable),
        skipped=(*found.skipped, *refused),
    )


def source_of(kind: str) -> Source | None:
    match kind:
        case "auto":
            return None
        case "rsna" | "cq500" | "bhx" | "ct-ich" | "phantom":
            return kind
        case _:
            raise typer.BadParameter(f"{kind} is none of {', '.join(KINDS)}", param_hint="--kind")


def add_to(app_: typer.Typer) -> None:
    """Entry point of the group ich_node.commands."""
    from training.run_commands import add_to_train  # it needs what stands above

    add_to_train(app)
    app_.add_typer(app, name="train")
