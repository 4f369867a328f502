"""commission: a phantom takes the way through node and PACS, and a report says how."""

import os
import socket
import textwrap
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ich_node import __version__
from ich_node.cli.who import who
from ich_node.dicom.identity import FOR_RESEARCH_USE
from ich_node.errors import ConfigError, IchNodeError, Unavailable

if TYPE_CHECKING:  # SQLAlchemy and pynetdicom, which `--help` must not wait for
    from ich_node.cli.context import CliContext
    from ich_node.commission.checks import CommissioningCheck
    from ich_node.commission.record import Record
    from ich_node.commission.run import Wishes
    from ich_node.ledger import Ledger

WIDTH = 80
REST = timedelta(minutes=5)  # for all that is not waiting for the phantom
MOST_CHARACTERS = {"--patient-id": 64, "--accession": 16}  # VR LO, SH


def commission(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(help="Send the phantom to this node as this source; default: any that may."),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            metavar="DESTINATION",
            help="Send the phantom to this PACS, and wait for it to come here by the PACS's own"
            " rule.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Write the phantom into this folder, and wait until somebody has sent it.",
            file_okay=False,
        ),
    ] = None,
    no_phantom: Annotated[
        bool, typer.Option("--no-phantom", help="Send none: only ask whether everybody is there.")
    ] = False,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Ask this source what the PACS has; default: the one with the PACS's address.",
        ),
    ] = None,
    patient_id: Annotated[
        str, typer.Option(help="Of the test patient, who is called ICH^PHANTOM.")
    ] = "ICH-PHANTOM",
    accession: Annotated[
        str, typer.Option(help="Accession number of the test study; default: none.")
    ] = "",
    minutes: Annotated[
        float,
        typer.Option(min=0.05, max=240, help="Wait so long for the phantom and its results."),
    ] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The report, an HTML file; an existing one is never overwritten. Default:"
            " ich-node-commission-HOST-TIME.html in this folder, if it can be written.",
            dir_okay=False,
        ),
    ] = None,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Offer to withdraw the results of the phantom at the end."),
    ] = False,
    run: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Prove that this node works with this PACS, before patients: ask everybody, send a phantom,
    follow it to the PACS and back, and write a report to file.

    The exit code is 0 only if everything that was tried has passed.
    """
    from ich_node.commission.record import Record, Records
    from ich_node.commission.report import report_of
    from ich_node.commission.run import Commissioning, Wishes

    node: CliContext = context.obj
    if sum((source is not None, through is not None, folder is not None, no_phantom)) > 1:
        raise ConfigError("one way at a time: --source, --through, --folder or --no-phantom")
    _require_text("--patient-id", patient_id)
    _require_text("--accession", accession)
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"--folder {folder}: it is not empty; choose a new one")
    now = datetime.now(UTC)
    name = f"ich-node-commission-{socket.gethostname()}-{now.astimezone():%Y%m%d-%H%M%S}.html"
    path = _place(out, name)
    config = node.config
    ledger, problem = _ledger(node)
    records = Records(config.spool.path)
    wishes = Wishes(
        source=source,
        through=through,
        folder=folder,
        query=query,
        no_phantom=no_phantom,
        minutes=minutes,
    )
    record = Record(
        run=run or records.new_run(now),
        started_at=now,
        who=who(),
        host=socket.gethostname(),
        version=__version__,
        config_path=str(node.path.absolute()) if node.path else "built-in settings",
        own_ae_title=config.scp.ae_title,
        way=_way(wishes),
        route=through or str(folder or ""),
        patient_name="ICH^PHANTOM",
        patient_id=patient_id,
        accession=accession,
        until=now + timedelta(minutes=minutes) + REST,
    )
    try:
        Commissioning(
            loaded=node.loaded,
            mistakes=_mistakes(node),
            ledger=ledger,
            ledger_problem=problem,
            spool=node.spool(),
            wishes=wishes,
            record=record,
            clock=lambda: datetime.now(UTC),
            tell=_print,
            tell_wait=lambda words: typer.echo(f"...     {words}"),
            save=records.save,
        ).run()
    finally:
        if ledger is not None:
            ledger.dispose()
    html = report_of(record)
    kept = records.save_report(record.run, html)
    if path is not None and (run is None or out is not None):
        _write_new(path, html)
    else:
        path = kept
    _print_end(record, path)
    if remove and record.job_id is not None:
        _remove(node, record.job_id)
    if not record.has_passed:
        raise typer.Exit(1)


def _place(out: Path | None, name: str) -> Path | None:
    """Of the report. None: this folder may not be written, e.g. root's home by the user of the
    services; the one that the node keeps is enough. Raises ConfigError for a wrong --out.
    """
    if out is None:
        return Path(name) if os.access(".", os.W_OK | os.X_OK) else None
    folder = out.parent
    if not folder.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out}: {getuser()} may not write into {folder}")
    if out.exists():
        raise ConfigError(f"{out} exists and is not overwritten; choose another --out")
    return out


def _require_text(option: str, value: str) -> None:
    most = MOST_CHARACTERS[option]
    if len(value) > most or not value.isprintable() or not value.isascii() or "\\" in value:
        raise ConfigError(f"{option}: at most {most} letters, digits and signs, and no backslash")


def _way(wishes: "Wishes") -> Literal["direct", "through", "folder", "none"]:
    if wishes.no_phantom:
        return "none"
    if wishes.through is not None:
        return "through"
    return "folder" if wishes.folder is not None else "direct"


def _mistakes(node: "CliContext") -> list[str]:
    from ich_node.cli import usable

    return usable.mistakes(node.config)


def _ledger(node: "CliContext") -> "tuple[Ledger | None, str]":
    """The ledger, if it can be opened, or why not."""
    try:
        return node.existing_ledger(), ""
    except IchNodeError as error:
        return None, error.detail


def _write_new(path: Path, html: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(html)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def _print(check: "CommissioningCheck") -> None:
    """As soon as it is known."""
    word = {"passed": "ok", "look": "LOOK", "failed": "FAILED", "not_tried": "-"}[check.outcome]
    _print_block(f"{word:<8}", f"{check.title}: {check.sentence}")
    if check.remedy:
        _print_block(" " * 8, check.remedy)


def _print_block(first: str, words: str) -> None:
    lines = textwrap.wrap(words, WIDTH - len(first), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        typer.echo((first if number == 0 else " " * len(first)) + line)


def _print_end(record: "Record", path: Path) -> None:
    from ich_node.health.amounts import span

    times = record.times
    for words, seconds in (
        ("last slice to answer", times.answer),
        ("last slice to SR delivered", times.report),
        ("last slice to last result", times.last_result),
    ):
        if seconds is not None:
            typer.echo(f"{words}: {span(seconds)}")
    counts = record.counts
    verdict = "PASSED" if record.has_passed else "NOT PASSED"
    typer.echo(
        f"{verdict}: {counts['passed']} passed, {counts['look']} to look at,"
        f" {counts['failed']} failed, {counts['not_tried']} not tried"
    )
    for line in record.removal:
        _print_block("", line)
    typer.echo(f"report: {path}")
    typer.echo(FOR_RESEARCH_USE)


def _remove(node: "CliContext", job_id: int) -> None:
    """As `jobs withdraw` does it, which asks first."""
    options = ["--config", str(node.path)] if node.path is not None else []
    reason = "commissioning phantom"
    with suppress(SystemExit):
        node.main([*options, "jobs", "withdraw", str(job_id), "--quality", "--reason", reason])


def add_to(app: typer.Typer) -> None:
    app.command()(commission)
