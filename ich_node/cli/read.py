"""read and explain: files on disk, without the node."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from ich_node.percent import counted

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

    config = context.obj.config
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


def explain(
    context: typer.Context,
    paths: Paths,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what the node would read or refuse, and why, for each object; nothing is analysed."""
    from ich_node.errors import Refusal
    from ich_node.files.answer import left_out_document, missing_document, warnings_document
    from ich_node.files.find import find_series
    from ich_node.series.read import read_series
    from ich_node.series.rules import SelectionRules

    rules = SelectionRules(**context.obj.config.selection.model_dump())
    series_files, skipped = find_series(paths)
    documents: list[dict[str, Any]] = []
    for files in series_files:
        document: dict[str, Any] = {
            "study_instance_uid": files.study_instance_uid,
            "series_instance_uid": files.series_instance_uid,
            "objects": len(files.paths),
        }
        try:
            series = read_series(files.datasets(), rules=rules)
        except Refusal as refusal:
            document |= {
                "outcome": "refused",
                "reason": refusal.reason,
                "detail": refusal.detail,
                "left_out": [],
                "missing": [],
                "warnings": [],
            }
        else:
            positions_mm = [slice_.position_mm for slice_ in series.slices]
            height_mm = max(positions_mm) - min(positions_mm)
            document |= {
                "outcome": "read",
                "reason": None,
                "detail": (
                    f"{counted(len(positions_mm), 'slice')} over {height_mm:.0f} mm, "
                    f"tilt {series.tilt_deg:.1f} degrees"
                ),
                "left_out": left_out_document(series.left_out),
                "missing": missing_document(series.missing),
                "warnings": warnings_document(series.warnings),
            }
        documents.append(document)
    if as_json:
        not_dicom = [{"path": str(file.path), "reason": file.reason} for file in skipped]
        typer.echo(json.dumps({"series": documents, "skipped": not_dicom}, ensure_ascii=False))
        return
    for document in documents:
        name = document["series_instance_uid"] or "(no SeriesInstanceUID)"
        outcome = (
            "would be read"
            if document["outcome"] == "read"
            else f"would be refused ({document['reason']})"
        )
        objects = counted(document["objects"], "object")
        typer.echo(f"series {name}, {objects}: {outcome}: {document['detail']}")
        for part in document["missing"]:
            typer.echo(f"  not the whole head: {part['detail']}")
        for warning in document["warnings"]:
            typer.echo(f"  warning: {warning['detail']}")
        for left in document["left_out"]:
            frame = f" frame {left['frame_number']}" if "frame_number" in left else ""
            typer.echo(f"  left out {left['sop_instance_uid']}{frame}: {left['reason']}")
    for file in skipped:
        typer.echo(f"{file.path}: {file.reason}")


def add_to(app: typer.Typer) -> None:
    app.command()(read)
    app.command()(explain)
