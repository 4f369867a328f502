"""jobs retry, cancel, close: what an operator changes in the ledger; list and show have files of
their own.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli import jobs_list, jobs_show, reread
from ich_node.cli.job_choice import WORDS, job_ids

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import OperatorLedger

app = typer.Typer(
    no_args_is_help=True, help="What was received, what became of it, and what is still to be sent."
)
jobs_list.add_to(app)
jobs_show.add_to(app)
reread.add_to(app)
JobWord = Annotated[str, typer.Argument(metavar="JOB", help=WORDS)]


def _operator(context: typer.Context) -> "OperatorLedger":
    operator: OperatorLedger = context.obj.ledger_in_place().operator
    return operator


@app.command()
def retry(context: typer.Context, job: JobWord) -> None:
    """Analyse again, or deliver again what could not be delivered."""
    (job_id,) = job_ids(context, [job])
    _operator(context).retry(job_id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} will be tried again")


@app.command()
def cancel(context: typer.Context, job: JobWord) -> None:
    """Do not analyse this job."""
    (job_id,) = job_ids(context, [job])
    _operator(context).cancel(job_id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} is cancelled")


@app.command()
def close(context: typer.Context, job: JobWord) -> None:
    """Treat the series as complete now, without waiting for the quiet time."""
    (job_id,) = job_ids(context, [job])
    _operator(context).close(job_id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} is ready to be read")


@app.command("forget-search-terms")
def forget_search_terms(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """For a search key that is lost: remove what was made with it; the node makes a new key.

    Series that were received before can then be found by number, UID, time and source only.
    """
    if not yes:
        typer.confirm(
            "No earlier series will be found by accession number or patient ID. Go on?", abort=True
        )
    context.obj.ledger_in_place().search_keys.forget()
    typer.echo("the search terms are removed; the next start of `receive` makes a new key")
