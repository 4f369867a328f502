"""pull: fetch from a source what the node missed."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.who import who
from ich_node.errors import ConfigError

if TYPE_CHECKING:  # SQLAlchemy and pynetdicom, which `--help` must not wait for
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.config.settings import Source
    from ich_node.ledger import Ledger
    from ich_node.ledger.counts import Tally
    from ich_node.pull.archive import Archive
    from ich_node.pull.asked import Asked
    from ich_node.pull.choice import Chosen
    from ich_node.pull.fetch import Fetcher
    from ich_node.pull.pace import PullPace


def pull(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="The name of a source in config.toml that can be asked.")
    ],
    accessions: Annotated[
        Path | None,
        typer.Option(
            help="A file with accession numbers, one a line; # begins a comment.", dir_okay=False
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Studies of this day and later: 2026-11-01, yesterday, 3d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Studies up to this day, with it; default: today.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="A Study Instance UID.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what the source has, and what is missing.")
    ] = False,
    at_once: Annotated[
        bool, typer.Option("--now", help="Also outside the window of the source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fetch the head CT that a source has and the node did not get: by C-FIND and C-MOVE, or by
    QIDO-RS and WADO-RS.
    """
    from ich_node.cli.pull_words import Account
    from ich_node.errors import NoLedger, Unavailable
    from ich_node.ledger.counts import Tally
    from ich_node.pull.choice import Decision, choose
    from ich_node.pull.fetch import why_closed
    from ich_node.pull.find import find_series
    from ich_node.pull.pace import PullPace

    node: CliContext = context.obj
    asked = _asked(accessions=accessions, since=since, until=until, study=study)
    found_source = find_source(node.config, source)
    assert found_source.query is not None
    pace = PullPace(query=found_source.query, is_any_time=at_once)
    ledger: Ledger | None
    try:
        ledger = node.existing_ledger() if dry_run else node.ledger()
    except NoLedger:
        ledger = None
    if ledger is not None and not dry_run and (why := why_closed(pace, ledger.pauses, _now())):
        raise Unavailable(why)
    counts = Tally()
    archive = open_archive(node, found_source, ledger, counts)
    account = Account(as_json=as_json, is_dry_run=dry_run)
    with archive.search() as search:
        found = find_series(search, asked)
        chosen: list[Chosen] = []
        for one in choose(found.series, search=search, ledger=ledger.pull if ledger else None):
            chosen.append(one)
            account.chosen(one)
    if ledger is not None and not dry_run:
        wanted = [one for one in chosen if one.decision is Decision.FETCH]
        with _ended_by_hand() as stop:
            fetcher = _fetcher(archive, ledger, pace, found_source, stop)
            try:
                for fetched in fetcher.fetch(wanted):
                    account.fetched(fetched)
            finally:
                ledger.counts.add(counts.take())
    account.end(found)
    if not account.is_whole(found):
        raise typer.Exit(1)


def find_source(config: "Config", name: str) -> "Source":
    """A source that can be asked. Raises ConfigError, which says what is near."""
    from difflib import get_close_matches

    for source in config.sources:
        if source.name != name:
            continue
        if source.query is None:
            raise ConfigError(
                f"[[sources]] {name} has no [sources.query]: it says where to ask this source;"
                " config.toml has an example"
            )
        return source
    names = [source.name for source in config.sources]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it knows: {', '.join(names) or 'none'}"
    raise ConfigError(f"config.toml has no source '{name}'; {hint}")


def open_archive(
    node: "CliContext",
    source: "Source",
    ledger: "Ledger | None",
    counts: "Tally | None" = None,
) -> "Archive":
    """By the source's [sources.query]. ledger: None if nothing will be fetched. counts: of the
    objects that are.
    """
    from ich_node.config.query import DicomQuery, DicomWebQuery
    from ich_node.pull.dicom_archive import DicomArchive

    config, query = node.config, source.query
    if isinstance(query, DicomQuery):
        return DicomArchive(
            source=source, query=query, move_destination=config.scp.ae_title, tls=config.tls
        )
    from ich_node.pull.handover import Entrance
    from ich_node.pull.web_archive import DicomWebArchive

    assert isinstance(query, DicomWebQuery)
    entrance = None
    if ledger is not None:
        from ich_node.processes.log import set_up_logging

        # storing an object writes to the log; what is refused is said here anyway
        set_up_logging("error", "pull", format=config.log.format, time=config.log.time)
        entrance = Entrance.of(
            source=source,
            scp=config.scp,
            series=config.series,
            study=config.study,
            spool=node.spool(),
            ledger=ledger.receiving,
            search_key=ledger.search_keys.for_receiving(config.database.search_key, now=_now()),
            clock=_now,
            counts=counts,
        )
    return DicomWebArchive(source=source, query=query, tls=config.tls, entrance=entrance)


def _asked(
    *, accessions: Path | None, since: str | None, until: str | None, study: str | None
) -> "Sequence[Asked]":
    from ich_node.pull import asked
    from ich_node.times import moment

    given = [option for option in (accessions, since, study) if option is not None]
    if len(given) != 1:
        raise ConfigError(
            "say what to pull, one of: --accessions FILE, --since 2026-11-01 [--until ...],"
            " --study UID"
        )
    if until is not None and since is None:
        raise ConfigError("--until goes with --since")
    if accessions is not None:
        return asked.accessions(accessions)
    if study is not None:
        return asked.one_study(study)
    now = _now()
    assert since is not None
    first = moment(since, now=now, option="--since")
    last = now if until is None else moment(until, now=now, option="--until")
    return asked.days(first, last)


def _fetcher(
    archive: "Archive",
    ledger: "Ledger",
    pace: "PullPace",
    source: "Source",
    stop: threading.Event,
) -> "Fetcher":
    from ich_node.pull.fetch import Fetcher

    return Fetcher(
        archive=archive,
        ledger=ledger.pull,
        pauses=ledger.pauses,
        pace=pace,
        source=source.name,
        who=who(),
        clock=_now,
        wait=stop.wait,
    )


@contextmanager
def _ended_by_hand() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets: the running series is finished. A second one ends the command."""
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)
        typer.echo("ends after this series; Ctrl-C once more ends it at once", err=True)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _now() -> datetime:
    return datetime.now(UTC)


def add_to(app: typer.Typer) -> None:
    app.command()(pull)
