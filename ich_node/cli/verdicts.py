"""verdicts import, list, remove: what radiologists say about the series."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.who import who as me

if TYPE_CHECKING:
    from ich_node.ledger import Ledger, Verdict

app = typer.Typer(no_args_is_help=True, help="What radiologists say about the series.")
MOST_LINES = 20


@app.command("import")
def import_table(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(
            help="A CSV file: accession, study_uid or series_uid; bleeding (yes, no, unknown); who;"
            " type, slices, comment.",
            metavar="CSV",
        ),
    ],
) -> None:
    """Note the verdicts of a table. A wrong line is named, and the others are noted.

    The same table again changes nothing; another verdict of the same reader replaces the first.
    """
    from ich_node.export.patient_names import patient_finder
    from ich_node.verdicts.finding import job_finder
    from ich_node.verdicts.matching import match
    from ich_node.verdicts.table import read_table

    rows, mistakes = read_table(table)
    ledger: Ledger = context.obj.ledger_in_place()
    matched = match(
        rows,
        jobs_of=job_finder(ledger, context.obj.config.database.search_key),
        names_the_patient=patient_finder(ledger, context.obj.spool()),
        now=datetime.now(UTC),
    )
    outcomes = ledger.verdicts.record(matched.verdicts, by=me())
    counts = [(each, outcomes.count(each)) for each in dict.fromkeys(outcomes)]
    noted = ", ".join(f"{count} {each.value}" for each, count in counts)
    typer.echo(f"{_count(len(outcomes), 'verdict')}{f': {noted}' if noted else ''}")
    for line, jobs in list(matched.several.items())[:MOST_LINES]:
        numbers = ", ".join(map(str, jobs))
        typer.echo(f"line {line}: {len(jobs)} series of the study stand, jobs {numbers}")
    if any(row.key != "series_uid" for row in rows) and outcomes:
        typer.echo("a verdict about a study is noted for the series whose answer stands")
    if matched.unmatched:
        lines = _count(len(matched.unmatched), "line")
        typer.echo(f"{lines} about no series that was received: {_some(matched.unmatched)}")
    wrong = sorted([*mistakes, *matched.mistakes], key=lambda mistake: mistake.line)
    for mistake in wrong:
        typer.echo(f"line {mistake.line}: {mistake.words}", err=True)
    if wrong:
        typer.echo(
            f"{_count(len(wrong), 'line')} not noted; mend the table and import it again", err=True
        )
        raise typer.Exit(1)


@app.command("list")
def list_verdicts(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(help="Given since then: 30d, 2h, 2026-11-01.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the verdicts, one line each."""
    from ich_node.times import moment

    ledger: Ledger = context.obj.existing_ledger()
    found = ledger.verdicts.since(moment(since, now=datetime.now(UTC)) if since else None)
    if as_json:
        documents = [_document(each) for each in found]
        typer.echo(json.dumps({"verdicts": documents}, default=str, ensure_ascii=False))
        return
    for verdict in found:
        typer.echo(f"job {verdict.job_id}: {line_of(verdict)}")
    typer.echo(_count(len(found), "verdict"))


@app.command()
def remove(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help=WORDS)],
    who: Annotated[
        str | None, typer.Option(help="Only those of this reader, as `verdicts list` has the name.")
    ] = None,
) -> None:
    """Remove verdicts that are wrong, e.g. of a table whose columns were mixed up."""
    ledger: Ledger = context.obj.ledger_in_place()
    removed, by = 0, me()
    for job_id in job_ids(context, jobs):
        count = ledger.verdicts.remove(job_id, who=who, by=by, now=datetime.now(UTC))
        typer.echo(f"job {job_id}: {_count(count, 'verdict')} removed")
        removed += count
    if not removed:
        raise typer.Exit(1)


def verdict_lines(ledger: "Ledger", job_id: int) -> list[str]:
    """For `jobs show`."""
    return [f"verdict: {line_of(each)}" for each in ledger.verdicts.of_job(job_id)]


def verdict_documents(ledger: "Ledger", job_id: int) -> list[dict[str, Any]]:
    """For `jobs show --json`."""
    return [_document(each) for each in ledger.verdicts.of_job(job_id)]


def _document(verdict: "Verdict") -> dict[str, Any]:
    return {**asdict(verdict), "slices": verdict.slice_uids}


def line_of(verdict: "Verdict") -> str:
    """In one line, with the reader and the time."""
    comment = f" ({verdict.comment})" if verdict.comment else ""
    at = verdict.at.astimezone()
    return f"{verdict.words}; {verdict.who}, {at:%Y-%m-%d %H:%M}{comment}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _some(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    return ", ".join(map(str, lines[:MOST_LINES])) + more
