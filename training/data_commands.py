"""`ich-node train check-data` and `train split`: look at a data set, and divide its patients."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.options import BoxTable, Chronic, Folder, Kind, source_of
from training.skipped_table import write_skipped
from training.terminal import FIRST, progress_bar, read_with_progress, say

if TYPE_CHECKING:  # see training.options
    from training.datasets.labelled import Found, LabelledSeries, Skip


def check_data(
    folder: Folder,
    kind: Kind = "auto",
    boxes: BoxTable = None,
    chronic: Chronic = True,
    pixels: Annotated[
        bool,
        typer.Option("--pixels", help="Read every series' pixels too, as training will (long)."),
    ] = False,
    problems: Annotated[
        Path | None,
        typer.Option(help="Write all that is left out, and why, to this CSV file.", dir_okay=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Say what a data set holds, what is left out, and why. Exit code 1 if nothing can be used."""
    found = read_with_progress(folder, source_of(kind), boxes=boxes, chronic=chronic)
    if pixels:
        found = _readable(found)
    if problems:
        write_skipped(found.skipped, problems)
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False))
    else:
        for line in sentences(found):
            typer.echo(line)
        if problems:
            typer.echo(f"{problems}: all that is left out")
        elif any(count > FIRST for count, _ in found.reasons().values()):
            typer.echo("--problems FILE.csv writes all that is left out")
    if not found.series:
        say(f"{folder}: nothing can be used; the reasons above say what is missing")
        raise typer.Exit(1)


def split(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="The split file; it is written once.", dir_okay=False)],
    kind: Kind = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="PART=SHARE,...",
            help="The parts and their shares, e.g. train=0.62,validation=0.13,test=0.25;"
            " default: those of the data set.",
        ),
    ] = None,
) -> None:
    """Divide the patients of a data set as the paper did (RSNA 97:3, CQ500 2/5 to 3/5), once and
    for all.
    """
    from training.splits import FRACTIONS, data_set_of, fractions_of, make_split, write_split

    found = read_with_progress(folder, source_of(kind))
    data_set = data_set_of(found.source)
    fractions = fractions_of(parts) if parts else FRACTIONS[data_set]
    divided = make_split(data_set, found.patients(), fractions=fractions, seed=seed)
    sha256 = write_split(divided, out)
    sizes = ", ".join(f"{len(patients)} {part}" for part, patients in divided.patients.items())
    typer.echo(f"{out}: {sizes} patients, sha256 {sha256}")


def document(found: "Found") -> dict[str, Any]:
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
        "notes": list(found.notes),
        "left_out": [
            {
                "reason": reason,
                "count": count,
                "first": [_entry(skip) for skip in first],
                "all": [_entry(skip) for skip in found.skipped if skip.reason == reason],
            }
            for reason, (count, first) in found.reasons(FIRST).items()
        ],
    }


def sentences(found: "Found") -> list[str]:
    """What check-data prints for a person."""
    counts = found.counts()
    lines = [
        f"{found.folder}: {found.source}",
        *found.notes,
        f"found {counts['series']} series of {counts['patients']} patients, "
        f"{counts['positive_series']} with bleeding; "
        f"{counts['slices']} slices, {counts['labelled_slices']} of them labelled, "
        f"{counts['positive_slices']} with bleeding; "
        f"{counts['boxes']} boxes",
    ]
    if kinds := found.kinds():
        lines.append("bleeding: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    lines.append(f"left out: {counts['skipped']}" if found.skipped else "left out: nothing")
    for reason, (count, first) in found.reasons(FIRST).items():
        lines.append(f"  {count} x {reason}")
        lines += [f"      {skip.words}" for skip in first]
        if count > len(first):
            lines.append(f"      and {count - len(first)} more")
    return lines


def _entry(skip: "Skip") -> dict[str, Any]:
    line = {} if skip.line is None else {"line": skip.line}
    return {**line, "what": skip.what, "detail": skip.detail}


def _readable(found: "Found") -> "Found":
    """Without the series that `load` refuses."""
    readable: list[LabelledSeries] = []
    skipped: list[Skip] = []
    with progress_bar("reading series", "series") as advance:
        for done, series in enumerate(found.series, start=1):
            can_be_read, skips = _try_to_load(series)
            readable += [series] if can_be_read else []
            skipped += skips
            advance(done, len(found.series))
    return replace(found, series=tuple(readable), skipped=(*found.skipped, *skipped))


def _try_to_load(series: "LabelledSeries") -> "tuple[bool, list[Skip]]":
    """Whether its pixels can be read, and what of it is left out."""
    from ich_node.errors import Refusal
    from training.datasets import Skip, load
    from training.errors import DataError

    uid = series.series_instance_uid
    try:
        left_out = load(series).left_out
    except Refusal as refusal:
        reason = f"a series not to be read: {refusal.reason}"
        return False, [Skip(what=uid, reason=reason, detail=refusal.detail)]
    except DataError as error:
        return False, [Skip(what=uid, reason="a series with a damaged file", detail=error.detail)]
    return True, [
        Skip(what=item.sop_instance_uid, reason=f"an image: {item.reason}") for item in left_out
    ]
