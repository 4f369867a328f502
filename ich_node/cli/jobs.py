"""jobs list, show, retry, cancel, close: what an operator sees and does in the ledger."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import Job, OperatorLedger

app = typer.Typer(
    no_args_is_help=True, help="What was received, what became of it, and what is still to be sent."
)
# of JobState
State = Literal["waiting", "reading", "done", "refused", "failed", "cancelled", "set_aside"]
JobId = Annotated[int, typer.Argument(help="The number in `jobs list`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _ledger(context: typer.Context) -> "OperatorLedger":
    ledger: OperatorLedger = context.obj.ledger().operator
    return ledger


def _existing_ledger(context: typer.Context) -> "OperatorLedger":
    """Of a command that only looks."""
    ledger: OperatorLedger = context.obj.existing_ledger().operator
    return ledger


def _job(ledger: "OperatorLedger", job_id: int) -> "Job":
    job = ledger.get(job_id)
    if job is None:
        raise ConfigError(f"there is no job {job_id}; `ich-node jobs list` shows what there is")
    return job


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


@app.command("list")
def list_jobs(
    context: typer.Context,
    state: Annotated[
        State | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many jobs.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs: one line for each series and revision."""
    from ich_node.ledger import JobState

    jobs = _existing_ledger(context).list(
        state=JobState(state.upper()) if state else None, limit=limit
    )
    if as_json:
        _print_json({"jobs": [asdict(job) for job in jobs]})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("job", "state", "answer", "rev", "tries", "received", "series", "why"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        table.add_row(
            str(job.id),
            _state(job, datetime.now(UTC)),
            _answer(job),
            str(job.revision),
            str(job.attempts),
            f"{job.last_received_at:%Y-%m-%d %H:%M:%S}Z",
            job.series_instance_uid,
            ": ".join(filter(None, (job.reason, job.detail))),
        )
    Console().print(table)


@app.command()
def show(context: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show one job: its series, results, deliveries and events."""
    ledger = _existing_ledger(context)
    job = _job(ledger, job_id)
    instances = ledger.instances(job)
    results = ledger.results(job.id)
    deliveries = ledger.deliveries(job.id)
    events = ledger.events(job.id)
    others = [other for other in ledger.study(job) if other.id != job.id]
    if as_json:
        _print_json(
            {
                "job": asdict(job),
                "instances": [asdict(instance) for instance in instances],
                "results": [asdict(result) for result in results],
                "deliveries": [asdict(delivery) for delivery in deliveries],
                "events": [asdict(event) for event in events],
                "study": [asdict(other) for other in others],
            }
        )
        return
    state = f"{_state(job, datetime.now(UTC))} {_answer(job)}".rstrip()
    typer.echo(f"job {job.id}, revision {job.revision}: {state}")
    typer.echo(f"series {job.series_instance_uid}")
    typer.echo(f"study  {job.study_instance_uid}")
    typer.echo(f"{len(instances)} instances")
    if job.transfer_aborted:
        typer.echo("an association that brought its objects broke")
    if job.reason or job.detail:
        typer.echo(": ".join(filter(None, (job.reason, job.detail))))
    for words in _stands(job):
        typer.echo(words)
    for other in others:
        typer.echo(f"same study: job {other.id}, {_outcome(other)}")
        typer.echo(f"  series {other.series_instance_uid}")
    for result in results:
        typer.echo(f"result {result.kind} {result.sop_instance_uid}")
    for delivery in deliveries:
        words = f", {delivery.attempts} tries" + (f", {delivery.detail}" if delivery.detail else "")
        typer.echo(f"to {delivery.destination}: {delivery.kind} {delivery.state}{words}")
    for event in events:
        detail = f": {event.detail}" if event.detail else ""
        typer.echo(f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.event}{detail}")


@app.command()
def retry(context: typer.Context, job_id: JobId) -> None:
    """Analyse again, or deliver again what could not be delivered."""
    ledger = _ledger(context)
    ledger.retry(_job(ledger, job_id).id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} will be tried again")


@app.command()
def cancel(context: typer.Context, job_id: JobId) -> None:
    """Do not analyse this job."""
    ledger = _ledger(context)
    ledger.cancel(_job(ledger, job_id).id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} is cancelled")


@app.command()
def close(context: typer.Context, job_id: JobId) -> None:
    """Treat the series as complete now, without waiting for the quiet time."""
    ledger = _ledger(context)
    ledger.close(_job(ledger, job_id).id, now=datetime.now(UTC))
    typer.echo(f"job {job_id} is ready to be read")


def _state(job: "Job", now: datetime) -> str:
    """The state, for people. WAITING: the series still arrives ("waiting"), or can be read
    ("ready"); with its lane, unless that is the ordinary one.
    """
    from ich_node.ledger import JobState, Lane

    if job.state is not JobState.WAITING:
        return job.state.words
    seconds = (job.ready_at - now).total_seconds()
    state = "ready" if seconds <= 0 else f"waiting {seconds:.0f} s"
    return state if job.lane is Lane.ORDINARY else f"{state}, {job.lane.name.lower()}"


def _stands(job: "Job") -> list[str]:
    """What was told of it, and whether that stands."""
    from ich_node.ledger import JobState

    words = []
    if job.overdue_told_at:
        words.append(f"told as overdue at {job.overdue_told_at:%Y-%m-%d %H:%M:%S}Z")
    if job.told_at:
        words.append(f"told as not analysed at {job.told_at:%Y-%m-%d %H:%M:%S}Z")
    if job.in_favour_of is not None:
        what = "read instead" if job.state is JobState.SET_ASIDE else "the answer that stands"
        words.append(f"{what}: job {job.in_favour_of}")
    return words


def _outcome(job: "Job") -> str:
    """State, answer and reason in one line."""
    state = f"revision {job.revision}, {_state(job, datetime.now(UTC))}"
    return "; ".join(filter(None, (state, _answer(job), job.reason, job.detail)))


def _answer(job: "Job") -> str:
    """In words. The score is named: beside "absent" a bare percentage says the opposite."""
    from ich_node.answer import Answer
    from ich_node.percent import percent_text

    if job.answer is None:
        return ""
    word = job.answer.replace("_", " ")
    if job.series_probability is None:
        return word
    side = "above" if job.answer is Answer.PRESENT else "below"
    return f"{word}, score {percent_text(job.series_probability)} is {side} the threshold"
