"""jobs show: one job, with its series, results, deliveries and events."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.job_choice import WORDS
from ich_node.cli.verdicts import verdict_documents, verdict_lines
from ich_node.errors import ConfigError

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import Job, Ledger
    from ich_node.ledger.rows import Delivery, JobEvent


def show(
    context: typer.Context,
    word: Annotated[str, typer.Argument(metavar="JOB", help=WORDS)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one job: its series, results, deliveries and events.

    Of an accession number or a study with several series, list them.
    """
    from ich_node.cli.job_choice import jobs_of
    from ich_node.cli.job_lines import state_words
    from ich_node.cli.jobs_list import job_document
    from ich_node.cli.reread import reading_words

    whole = context.obj.existing_ledger()
    key = whole.search_keys.for_looking(context.obj.config.database.search_key)
    job, *more = jobs_of(whole, key, word)
    if more:
        _choose(whole, [job, *more], word, as_json=as_json)
        return
    ledger = whole.operator
    instances = ledger.instances(job)
    results = ledger.results(job.id)
    deliveries = ledger.deliveries(job.id)
    events = ledger.events(job.id)
    others = [other for other in ledger.study(job) if other.id != job.id]
    readings = whole.rereading.of_job(job.id)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "job": job_document(job),
                    "instances": [asdict(instance) for instance in instances],
                    "results": [asdict(result) for result in results],
                    "deliveries": [asdict(delivery) for delivery in deliveries],
                    "events": [asdict(event) for event in events],
                    "study": [job_document(other) for other in others],
                    "readings": [asdict(reading) for reading in readings],
                    "verdicts": verdict_documents(whole, job.id),
                },
                default=str,
                ensure_ascii=False,
            )
        )
        return
    state = f"{state_words(job, datetime.now(UTC))} {_answer(job)}".rstrip()
    typer.echo(f"job {job.id}, revision {job.revision}: {state}")
    typer.echo(f"series {job.series_instance_uid}")
    about = ", ".join(filter(None, (job.modality, job.series_description)))
    if about:
        typer.echo(f"       {about}")
    typer.echo(f"study  {job.study_instance_uid}")
    typer.echo(f"{len(instances)} instances")
    if job.transfer_aborted:
        typer.echo("an association that brought its objects broke")
    if job.reason or job.detail:
        typer.echo(": ".join(filter(None, (job.reason, job.detail))))
    for words in _stands(job):
        typer.echo(words)
    for words in verdict_lines(whole, job.id):
        typer.echo(words)
    for other in others:
        typer.echo(f"same study: job {other.id}, {_outcome(other)}")
        typer.echo(f"  series {other.series_instance_uid}")
    for reading in readings:
        typer.echo(reading_words(reading))
    for result in results:
        typer.echo(f"result {result.kind} {result.sop_instance_uid}")
    for words in [*_delivery_lines(deliveries), *_event_lines(events)]:
        typer.echo(words)


def _delivery_lines(deliveries: "Sequence[Delivery]") -> list[str]:
    """One for the objects that share a destination and their fate."""
    from ich_node.ledger.story import fates

    lines = []
    for each in fates(deliveries):
        tries = "1 try" if each.attempts == 1 else f"{each.attempts} tries"
        words = ", ".join(filter(None, (tries, each.detail)))
        what = each.kinds[0] if len(each.kinds) == 1 else f"{len(each.kinds)} objects"
        lines.append(f"to {each.destination}: {what} {each.state.lower()}, {words}")
    return lines


def _event_lines(events: "Sequence[JobEvent]") -> list[str]:
    from ich_node.ledger.story import joined

    return [
        f"{each.at:%Y-%m-%d %H:%M:%S}Z  {': '.join(filter(None, (each.event, each.detail)))}"
        for each in joined(events)
    ]


def _choose(ledger: "Ledger", jobs: "list[Job]", word: str, *, as_json: bool) -> None:
    """Several jobs are meant."""
    from ich_node.cli.job_lines import job_lines, width_of_lines

    numbers = ", ".join(str(job.id) for job in jobs)
    if as_json:
        raise ConfigError(f"'{word}' names {len(jobs)} jobs; give the number of one: {numbers}")
    now = datetime.now(UTC)
    found = ledger.searching.described(jobs)
    for line in job_lines(found, now=now, width=width_of_lines()):
        typer.echo(line)
    typer.echo(f"'{word}' names {len(jobs)} jobs; give the number of one to `ich-node jobs show`.")


def _stands(job: "Job") -> list[str]:
    """What was told of it, and whether that stands."""
    from ich_node.ledger import JobState

    words = []
    if job.withdrawn_at:
        words.append(
            f"withdrawn at {job.withdrawn_at:%Y-%m-%d %H:%M:%S}Z by {job.withdrawn_by}:"
            f" {job.withdrawn_reason}"
        )
    if job.overdue_told_at:
        words.append(f"told as overdue at {job.overdue_told_at:%Y-%m-%d %H:%M:%S}Z")
    if job.held_until and job.state is JobState.HELD:
        words.append(f"held until {job.held_until:%Y-%m-%d %H:%M:%S}Z, or `jobs release {job.id}`")
    if job.released_at:
        words.append(f"released at {job.released_at:%Y-%m-%d %H:%M:%S}Z")
    if job.rule:
        words.append(f"rule {job.rule}")
    if job.told_at:
        words.append(f"told as not analysed at {job.told_at:%Y-%m-%d %H:%M:%S}Z")
    if job.in_favour_of is not None:
        what = "read instead" if job.state is JobState.SET_ASIDE else "the answer that stands"
        words.append(f"{what}: job {job.in_favour_of}")
    return words


def _outcome(job: "Job") -> str:
    """State, answer and reason in one line."""
    from ich_node.cli.job_lines import state_words

    state = f"revision {job.revision}, {state_words(job, datetime.now(UTC))}"
    return "; ".join(filter(None, (state, _answer(job), job.reason, job.detail)))


def _answer(job: "Job") -> str:
    """In words. The score is named: beside "absent" a bare percentage says the opposite."""
    from ich_node.answer import Answer
    from ich_node.percent import percent_text

    if job.answer is None:
        return ""
    word = job.answer.replace("_", " ")
    if job.withdrawn_at is not None:
        return f"withdrawn ({str(job.withdrawn_code).replace('_', ' ')}), was: {word}"
    if job.series_probability is None:
        return word
    side = "above" if job.answer is Answer.PRESENT else "below"
    return f"{word}, score {percent_text(job.series_probability)} is {side} the threshold"


def add_to(app: typer.Typer) -> None:
    """app: the `jobs` commands."""
    app.command()(show)
