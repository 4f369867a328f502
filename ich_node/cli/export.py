"""jobs export: series that were read, for training."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.ledger import Ledger

IDENTIFYING = "without --deidentify these files name their patients"


def export(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="The new folder; an existing one must be empty.", file_okay=False)
    ],
    jobs: Annotated[list[str] | None, typer.Argument(help=WORDS, metavar="[JOB]...")] = None,
    since: Annotated[
        str | None, typer.Option(help="Series received since then: 30d, 2h, 2026-11-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before then.")] = None,
    deidentify: Annotated[
        bool,
        typer.Option("--deidentify", help="Remove what identifies patients (PS3.15) and readers."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write series that were read as DICOM files, with the verdicts in labels.csv.

    Only slices that were read are written; never pages, localizers or captures.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ich_node.export.write import Exporter, by_reason, check_folder
    from ich_node.series.rules import SelectionRules
    from ich_node.study.site_rules import site_rules
    from ich_node.times import moment

    now = datetime.now(UTC)
    if bool(jobs) == bool(since or until):
        raise ConfigError("give either jobs, or --since and --until")
    check_folder(out)
    ledger: Ledger = context.obj.existing_ledger()
    if jobs:
        named = map(ledger.operator.get, job_ids(context, jobs))
        chosen = [job for job in named if job is not None]
    else:
        chosen = ledger.verdicts.read_jobs(
            moment(since, now=now) if since else None,
            moment(until, now=now, option="--until") if until else None,
        )
        if not chosen:
            raise ConfigError("no series was received in this time and read")
    if not deidentify and not yes:
        typer.echo(IDENTIFYING)
        typer.confirm(f"Write {_series(len(chosen))} to {out}?", abort=True)
    exporter = Exporter(
        ledger=ledger,
        spool=context.obj.spool(),
        rules=SelectionRules(**context.obj.config.selection.model_dump()),
        site_rules=site_rules(context.obj.config),
        deidentify=deidentify,
    )
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("exporting", total=len(chosen))
        exported = exporter.write(chosen, out, progress=lambda: bar.advance(task))
    for whose, words in by_reason(exported.left_out):
        typer.echo(f"left out: {whose}: {words}")
    how = "de-identified" if deidentify else "with the patients' names"
    files = "1 file" if exported.files == 1 else f"{exported.files} files"
    typer.echo(f"{_series(exported.series)}, {files} in {out}, {how}")
    if exported.not_read:
        objects = "object was" if exported.not_read == 1 else "objects were"
        typer.echo(f"{exported.not_read} {objects} not read, and not exported")


def _series(count: int) -> str:
    return f"{count} series"


def add_to(jobs: typer.Typer) -> None:
    """jobs: the commands of `ich-node jobs`."""
    jobs.command()(export)
