"""The shipped bundle, and others beside it, on what no bundle was trained on: real series of known
answer, slices with expert boxes, patients that were left out, phantoms of seeds that no pool has.

`python -m benchmarks.shipped_bundle [--bundle FILE ...] [--pictures DIR]`
"""

import json
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.bundle_pictures import read_judged_marks, write_pictures
from benchmarks.bundle_tables import into_document, tables
from benchmarks.judged_series import PARTS, Judged, development_series, left_out_patients
from benchmarks.judgement import demo_figures, development_figures, judge, tissue_figures
from benchmarks.side_by_side import take_turns
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.phantom import BleedKind, make_study
from ich_node.series.read import read_series
from ich_node.series.series import Series
from training.datasets import read_dataset
from training.errors import DataError
from training.evaluate import evaluate
from training.figures import figures
from training.terminal import progress_bar, say

SHARED = Path(__file__).parents[2] / "shared"
REAL = Path(os.environ.get("ICH_NODE_REAL_DATA", SHARED / "real"))
TISSUE = Path(os.environ.get("ICH_NODE_TISSUE", SHARED / "tissue"))
PHANTOMS = Path("runs") / "phantoms-left-out"
PHANTOM_SEEDS = range(971, 987)
DEMO: tuple[tuple[int, tuple[BleedKind, ...]], ...] = (
    (7, ("IPH", "SDH")),
    (10, ("EDH",)),
    (8, ()),
)  # what the demo and commissioning send
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "9"))
THREADS = 1


def main(
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="Judged beside the shipped one.", exists=True, dir_okay=False),
    ] = None,
    real: Annotated[Path, typer.Option(help="Real series of known answer.")] = REAL,
    tissue: Annotated[
        Path, typer.Option(help="Patients, of whom two parts are left out.")
    ] = TISSUE,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Contact sheets of all marks, and marks.csv to say which are on blood."),
    ] = None,
    judged: Annotated[
        list[Path] | None,
        typer.Option(help="A marks.csv that was filled in.", exists=True, dir_okay=False),
    ] = None,
    phantoms: Annotated[
        bool, typer.Option(help="Also phantoms left out: 16 studies, made once.")
    ] = False,
    timed: Annotated[bool, typer.Option(help="Also the time a slice, in turns.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="All figures.")] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="The tables, into the part of this page that is for them.", exists=True),
    ] = None,
) -> None:
    """Prints the tables."""
    # pydicom warns about real headers that violate the standard; the node reads them
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    torch.set_num_threads(THREADS)
    bundles = _bundles([shipped_bundle(), *(bundle or [])])
    read = _read("real series", real, development_series)
    of_tissue = _read("patients left out", tissue, left_out_patients)
    documents = [_about(opened) for opened in bundles]
    on_blood = {key: said for path in judged or [] for key, said in read_judged_marks(path).items()}
    for document, opened in zip(documents, bundles, strict=True):
        with progress_bar(document["name"]) as progress:
            judgement = judge(opened, [*read.series, *of_tissue.series], progress)
        if read.series:
            document["development"] = development_figures(judgement)
        if of_tissue.series:
            document["tissue"] = {part: tissue_figures(judgement, part) for part in PARTS}
        if opened.sha256[:8] in on_blood:
            document["judged"] = on_blood[opened.sha256[:8]]
        if pictures:
            pages = write_pictures(judgement, pictures)
            say(f"{document['name']}: {len(pages)} pages in {pages[0].parent}")
    if phantoms:
        _add_phantoms(documents, bundles)
    demo = [make_study(seed, bleeds=bleeds) for seed, bleeds in DEMO]
    for document, opened in zip(documents, bundles, strict=True):
        document["demo"] = demo_figures(opened, demo)
    if timed:
        _add_times(documents, bundles, read_series(demo[0].datasets()))
    unread = [*read.unread, *of_tissue.unread]
    text = tables(documents) + "".join(f"\nNot read: {line}" for line in unread)
    print(text)  # noqa: T201 - a command that prints its table
    if markdown:
        page = markdown.read_text(encoding="utf-8")
        markdown.write_text(into_document(page, text), encoding="utf-8")
    if json_file:
        json_file.write_text(
            json.dumps({"bundles": documents, "unread": unread}, indent=1, ensure_ascii=False),
            encoding="utf-8",
        )


def _bundles(paths: Sequence[Path]) -> list[Bundle]:
    """A file that is given twice is judged once."""
    opened = {bundle.sha256: bundle for bundle in map(open_bundle, paths)}
    return list(opened.values())


def _read(what: str, folder: Path, read: Any) -> Judged:
    """A folder that is not there, or has another form, is said in the tables."""
    try:
        judged: Judged = read(folder)
    except (DataError, OSError) as error:
        return Judged(unread=[f"{what}, {folder}: {error}"])
    return judged


def _about(bundle: Bundle) -> dict[str, Any]:
    return {
        "name": f"{bundle.name} {bundle.sha256[:8]}",
        "sha256": bundle.sha256,
        "threshold": bundle.operating_point.threshold,
    }


def _add_phantoms(documents: Sequence[dict[str, Any]], bundles: Sequence[Bundle]) -> None:
    """Localisation by each bundle's own rule."""
    for seed in PHANTOM_SEEDS:
        folder = PHANTOMS / str(seed)
        if not (folder / "truth.json").exists():
            make_study(seed).write(folder)
    with progress_bar("phantoms left out") as progress:
        evaluations = evaluate(bundles, labelled=read_dataset(PHANTOMS).series, progress=progress)
    for document, evaluation in zip(documents, evaluations, strict=True):
        document["phantoms"] = figures(evaluation)["localisation"]


def _add_times(
    documents: Sequence[dict[str, Any]], bundles: Sequence[Bundle], series: Series
) -> None:
    """Reading a series in memory; the bundles take turns."""
    timings = take_turns(
        {bundle.sha256: partial(Detector(bundle).read, series) for bundle in bundles},
        rounds=ROUNDS,
        repeats=len(series.slices),
    )
    for document, bundle in zip(documents, bundles, strict=True):
        timing = timings[bundle.sha256]
        document["time"] = {
            "wall_ms": timing.wall_ms,
            "quartiles_ms": timing.wall_quartiles_ms,
            "cpu_ms": timing.cpu_ms,
        }


if __name__ == "__main__":
    typer.run(main)
