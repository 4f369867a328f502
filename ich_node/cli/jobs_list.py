"""jobs list: the newest jobs of which all that was asked is true."""

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.pauses import pause_lines
from ich_node.errors import ConfigError

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import FoundJobs, Job, JobSearch, JobState, Ledger

NO_JOB_HAS_IT = ""
HASHES = ("accession_hmac", "patient_hmac")
CSV_FIELDS = (
    "id", "revision", "first_received_at", "last_received_at", "source", "state", "answer",
    "series_probability", "study_instance_uid", "series_instance_uid", "series_description",
    "modality", "objects", "attempts", "reason", "detail", "rule", "withdrawn_at",
    "withdrawn_code",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was looked for, and how to say it to the person who asked."""

    search: "JobSearch"
    words: tuple[str, ...]
    has_identifier: bool


def list_jobs(
    context: typer.Context,
    accession: Annotated[
        str | None, typer.Option(help="The accession number.", show_default=False)
    ] = None,
    patient: Annotated[str | None, typer.Option(help="The patient ID.", show_default=False)] = None,
    study: Annotated[
        str | None, typer.Option(help="The study instance UID.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Received since: an age (2h, 30d) or a local time (2026-11-01 14:30).",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Received before, in the same way.", show_default=False)
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The name of a [[sources]] entry.", show_default=False)
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="One or more, separated by commas: waiting,held.", show_default=False),
    ] = None,
    positive: Annotated[bool, typer.Option("--positive", help="Hemorrhage present.")] = False,
    negative: Annotated[bool, typer.Option("--negative", help="Hemorrhage absent.")] = False,
    undetermined: Annotated[
        bool, typer.Option("--undetermined", help="Read, without a certain answer.")
    ] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Not read, for a reason.")] = False,
    owed: Annotated[bool, typer.Option("--owed", help="With results still to be sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many jobs.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, times in UTC.")] = False,
) -> None:
    """List jobs, the newest first: one line for each series and revision.

    Several options narrow the list down; of --positive, --negative, --undetermined and --refused
    any may be true. Upper and lower case are the same.
    """
    now = datetime.now(UTC)
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other")
    states, outcomes = _states(state), _outcomes(positive, negative, undetermined, refused)
    times = _times(since, until, now)
    ledger: Ledger = context.obj.existing_ledger()
    asked = _asked(
        ledger,
        key_file=context.obj.config.database.search_key,
        identifiers={"accession number": accession, "patient ID": patient},
        fields={
            "study_instance_uid": None if study is None else study.strip(),
            "source": None if source is None else _source(ledger, context.obj.config, source),
            "states": states,
            "outcomes": outcomes,
            "is_owed": owed,
            **times,
        },
    )
    found = ledger.searching.find(asked.search, limit=limit)
    if as_json:
        typer.echo(json.dumps(_document(found), default=str, ensure_ascii=False))
    elif as_csv:
        _write_csv(found)
    else:
        _print(ledger, found, asked, now=now, limit=limit)


def job_document(job: "Job") -> dict[str, Any]:
    """Everything in the row, except the hashes of identifiers."""
    return {name: value for name, value in asdict(job).items() if name not in HASHES}


def _states(text: str | None) -> "tuple[JobState, ...]":
    from ich_node.ledger import JobState

    if text is None:
        return ()
    names = [name.strip().upper().replace(" ", "_").replace("-", "_") for name in text.split(",")]
    # the list says "ready" of a series that waits and is complete
    names = [JobState.WAITING.value if name == "READY" else name for name in names]
    known = [state.value for state in JobState]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            if name == "READY":  # as the list says it of a series that has arrived
                near = [JobState.WAITING.value]
            advice = f"did you mean {near[0].lower()}? " if near else ""
            raise ConfigError(
                f"--state '{name.lower()}' is not a state: {advice}There are\n"
                f"{', '.join(value.lower() for value in known)}"
            )
    return tuple(dict.fromkeys(JobState(name) for name in names))


def _outcomes(positive: bool, negative: bool, undetermined: bool, refused: bool) -> tuple[Any, ...]:
    from ich_node.answer import Answer
    from ich_node.ledger import JobState

    wanted = {
        Answer.PRESENT: positive,
        Answer.ABSENT: negative,
        Answer.UNDETERMINED: undetermined,
        JobState.REFUSED: refused,
    }
    return tuple(outcome for outcome, is_wanted in wanted.items() if is_wanted)


def _times(since: str | None, until: str | None, now: datetime) -> dict[str, datetime]:
    from ich_node.times import moment

    given = {"since": since, "until": until}
    times = {
        name: moment(text, now=now, option=f"--{name}")
        for name, text in given.items()
        if text is not None
    }
    if len(times) == len(given) and times["until"] <= times["since"]:
        raise ConfigError(f"--until {until} is not after --since {since}")
    return times


def _source(ledger: "Ledger", config: Any, name: str) -> str:
    """The name as the ledger has it; a source that has sent nothing yet may be asked for, too."""
    sent = ledger.searching.sources()
    known: list[str] = [
        *sent,
        *(source.name for source in config.sources if source.name not in sent),
    ]
    for candidate in known:
        if candidate == name:
            return candidate
    same = [candidate for candidate in known if candidate.casefold() == name.strip().casefold()]
    if same:
        return same[0]
    if not known:
        raise ConfigError(
            f"--source '{name}': nothing was received yet, and no source is configured"
        )
    near = get_close_matches(name, known, n=1)
    advice = f"did you mean '{near[0]}'? " if near else ""
    raise ConfigError(f"--source '{name}' is unknown: {advice}There are\n{', '.join(known)}")


def _asked(
    ledger: "Ledger", *, key_file: Any, identifiers: dict[str, str | None], fields: dict[str, Any]
) -> Asked:
    """Raises ConfigError if an identifier cannot be looked for."""
    from ich_node.ledger import JobSearch

    words: list[str] = []
    hashes: dict[str, Any] = {}
    for (what, value), name in zip(identifiers.items(), HASHES, strict=True):
        if value is None:
            continue
        if not value.strip():
            raise ConfigError(f"the {what} is empty")
        key = ledger.search_keys.for_looking(key_file)
        term = key and (key.accession(value) if name == "accession_hmac" else key.patient(value))
        hashes[name] = term or NO_JOB_HAS_IT
        words.append(f"{what} {value}")
    words.extend(_said(fields))
    return Asked(
        search=JobSearch(**fields, **hashes), words=tuple(words), has_identifier=bool(hashes)
    )


def _said(fields: dict[str, Any]) -> list[str]:
    """What is looked for, except identifiers."""
    from ich_node.answer import Answer

    said: dict[str, Callable[[Any], str]] = {
        "study_instance_uid": lambda uid: f"study {uid}",
        "source": lambda name: f"source {name}",
        "states": lambda states: "state " + " or ".join(state.words for state in states),
        "outcomes": lambda outcomes: " or ".join(
            outcome if isinstance(outcome, Answer) else outcome.words for outcome in outcomes
        ),
        "is_owed": lambda _: "results still owed",
        "since": lambda at: f"since {at.astimezone():%Y-%m-%d %H:%M}",
        "until": lambda at: f"until {at.astimezone():%Y-%m-%d %H:%M}",
    }
    return [say(fields[name]) for name, say in said.items() if fields.get(name)]


def _document(found: "FoundJobs") -> dict[str, Any]:
    return {
        "jobs": [{**job_document(job), "owed": found.owed.get(job.id, {})} for job in found.jobs],
        "left_out": found.left_out,
    }


def _write_csv(found: "FoundJobs") -> None:
    writer = csv.DictWriter(
        sys.stdout, [*CSV_FIELDS, "owed", "owed_to"], extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for job in found.jobs:
        owed = found.owed.get(job.id, {})
        row = {
            name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
            for name, value in job_document(job).items()
        }
        writer.writerow(row | {"owed": sum(owed.values()), "owed_to": " ".join(sorted(owed))})


def _print(
    ledger: "Ledger", found: "FoundJobs", asked: Asked, *, now: datetime, limit: int
) -> None:
    from ich_node.cli.job_lines import job_lines, width_of_lines, zone

    if found.jobs:
        for line in job_lines(found, now=now, width=width_of_lines()):
            typer.echo(line)
        typer.echo(f"{_how_many(found, limit)} Times: {zone(now)}.")
    else:
        typer.echo(_nothing(ledger, asked, now))
    if asked.has_identifier and found.jobs and ledger.searching.has_jobs_without_search_terms():
        typer.echo(OLDER)
    for line in pause_lines(ledger, now):
        typer.echo(line)


OLDER = (
    "Series that were received before this version was installed have no search\n"
    "terms and are not among them."
)


def _how_many(found: "FoundJobs", limit: int) -> str:
    from ich_node.ledger.searching import MOST_COUNTED

    shown, all_ = len(found.jobs), len(found.jobs) + found.left_out
    if not found.left_out:
        return f"{'1 job' if shown == 1 else f'{shown} jobs'}, none left out."
    if found.left_out > MOST_COUNTED:
        return f"{shown} of more than {all_ - 1} jobs; older ones: --limit {limit * 10} or --until."
    return f"{shown} of {all_} jobs; older ones: --limit {all_}."


def _nothing(ledger: "Ledger", asked: Asked, now: datetime) -> str:
    from ich_node.cli.job_lines import zone

    if ledger.searching.newest_id() is None:
        return "No job: nothing was received yet."
    sentence = f"No job fits: {', '.join(asked.words)} (times: {zone(now)})."
    if not asked.has_identifier:
        return sentence
    reasons = [
        "Perhaps the series did not arrive (look at the sender's queue), or it came with",
        "another number: --since with the time of the scan shows what arrived.",
    ]
    if ledger.searching.has_jobs_without_search_terms():
        reasons += [
            "Series that were received before this version was installed have no search",
            "terms and cannot be found in this way.",
        ]
    return "\n".join([sentence, *reasons])


def add_to(app: typer.Typer) -> None:
    """app: the `jobs` commands."""
    app.command("list")(list_jobs)
