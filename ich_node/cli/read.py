"""read: files on disk, without the node."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

messages = Console(stderr=True, highlight=False)
Paths = Annotated[list[Path], typer.Argument(exists=True, help="DICOM files or folders.")]


def read(
    context: typer.Context,
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the SR, the overlays and a PNG preview.", file_okay=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Bundle file; default: [bundle] path, else the shipped one.", dir_okay=False
        ),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(help="Save logits and likelihood maps to this .npz.", dir_okay=False),
    ] = None,
    dicom: Annotated[
        bool, typer.Option("--dicom/--no-dicom", help="Write DICOM objects to --out.")
    ] = True,
) -> None:
    """Read series from files and print what the node would answer.

    A single slice is read, too; the node itself waits for a whole head and refuses fewer than 8
    slices.
    """
    from ich_node.files.answer import SeriesAnswer
    from ich_node.files.find import find_series
    from ich_node.files.read import read_files
    from ich_node.files.save import save_maps, write_answer
    from ich_node.model.bundle_file import open_bundle, shipped_bundle
    from ich_node.model.detector import Detector
    from ich_node.model.engines.choose import choose_engine
    from ich_node.report import ReportOptions
    from ich_node.series.rules import SelectionRules
    from ich_node.study.site_rules import site_rules

    config = context.obj.config
    rules_of_site = site_rules(config)
    opened = open_bundle(bundle or config.bundle.path or shipped_bundle())
    # OpenVINO takes longer to start than torch takes to read a few series
    choice = choose_engine(
        opened, "torch" if config.analysis.engine == "auto" else config.analysis.engine, "cpu"
    )
    if choice.objection:
        messages.print(f"{choice.objection}; torch reads", markup=False, soft_wrap=True)
    detector = Detector(opened, choice.engine)
    series_files, skipped = find_series(paths)
    for file in skipped:
        messages.print(f"skipped {file.path}: {file.reason}", markup=False, soft_wrap=True)
    answers: list[SeriesAnswer] = []
    with Progress(console=messages, transient=True) as bar:
        task = bar.add_task("reading", total=len(series_files))
        for files in series_files:
            answer, picture = read_files(
                files,
                detector,
                options=ReportOptions(**config.report.model_dump()),
                at=datetime.now(UTC),
                with_dicom=dicom and out is not None,
                demonstration_on_real_sources=config.bundle.demonstration_on_real_sources,
                rules=SelectionRules(**config.selection.model_dump()),
                site_rules=rules_of_site,
            )
            if out is not None:
                for path in write_answer(answer, picture, out):
                    messages.print(f"wrote {path}", markup=False, soft_wrap=True)
            answers.append(replace(answer, results=()))
            bar.advance(task)
    if maps is not None:
        save_maps(answers, maps)
    if as_json:
        typer.echo(
            json.dumps({"readings": [answer.document() for answer in answers]}, ensure_ascii=False)
        )
    else:
        for answer in answers:
            typer.echo(answer.sentence())
    if not answers:
        messages.print(
            "no DICOM series found: give files or folders of CT Image Storage objects", markup=False
        )
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    app.command()(read)
