"""alerts test and list: does a message arrive, and of what was somebody told?"""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.lines import lines_of, shortened
from ich_node.errors import ConfigError
from ich_node.near import check_known

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.alerts.message import Origin
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.ledger.incidents import Incident
    from ich_node.ledger.notices import AlertChannel

app = typer.Typer(no_args_is_help=True, help="Who is told when something is wrong ([[alerts]]).")
HEADINGS = ("from", "to", "what")


@app.command("list")
def list_incidents(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option(min=1, help="At most this many of those that are over.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is wrong now, and what was: one line for each incident, the newest first."""
    node: CliContext = context.obj
    ledger = node.existing_ledger()
    try:
        running, ended = ledger.incidents.running(), ledger.incidents.ended(limit=limit)
        channels = ledger.notices.channels()
    finally:
        ledger.dispose()
    if as_json:
        document = {
            "running": [_facts(each) for each in running],
            "ended": [_facts(each) for each in ended],
            "alerts": [asdict(channel) for channel in channels],
        }
        typer.echo(json.dumps(document, default=str, ensure_ascii=False))
        return
    rows = [_row(each) for each in (*running, *ended)]
    for line in lines_of(HEADINGS, rows) if rows else []:
        typer.echo(line)
    if not running:
        typer.echo("nothing is wrong now")
    for line in _channel_lines(node.config, channels):
        typer.echo(shortened(line, get_terminal_size().columns))


@app.command("test")
def send_test_message(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="The name of an [[alerts]] entry, or `heartbeat`; default: all."),
    ] = None,
) -> None:
    """Send a test message now, and print what is answered."""
    from ich_node.alerts.try_out import try_alerts, try_heartbeat
    from ich_node.config.alerts import HEARTBEAT

    node: CliContext = context.obj
    config = node.config
    known = [alert.name for alert in config.alerts]
    known += [HEARTBEAT] if config.heartbeat.is_on else []
    if not known:
        raise ConfigError("config.toml has no [[alerts]] and no [heartbeat]: nobody is told")
    if name is not None:
        check_known(name, known, what="alert")
    wanted = [alert for alert in config.alerts if name in (None, alert.name)]
    is_each_told = True
    for tried in try_alerts(wanted, origin_of(config), now=datetime.now(UTC)):
        typer.echo(tried.words)
        is_each_told &= tried.ok
    if config.heartbeat.is_on and name in (None, HEARTBEAT):
        tried = try_heartbeat(config.heartbeat)
        typer.echo(tried.words)
        is_each_told &= tried.ok
    if not is_each_told:
        raise typer.Exit(1)


def origin_of(config: "Config") -> "Origin":
    """What messages of this host say about where they come from."""
    from ich_node.alerts.message import Origin
    from ich_node.web.address import address_of

    site = f"{address_of(config.web)}/" if config.web.enabled else ""
    return Origin(host=socket.gethostname(), site=site)


def described(config: "Config") -> list[str]:
    """Who is told of what: for check-config."""
    lines = []
    for alert in config.alerts:
        what = f"of {', '.join(alert.about)}" if alert.about else "of every trouble"
        pace = f"at most every {alert.at_most_every_minutes:g} min"
        lines.append(f"tells {alert.name} ({alert.address}) {what}, {pace}")
    if not config.alerts:
        lines.append("tells nobody when something is wrong: add an [[alerts]] entry")
    if config.heartbeat.is_on:
        url = config.heartbeat.url
        place = f"{url.scheme}://{url.host}" if url else f"the URL in {config.heartbeat.url_file}"
        every = f"every {config.heartbeat.every_seconds:g} s"
        lines.append(f"asks {place} {every} while receive, analyse and send run")
    return lines


def _row(incident: "Incident") -> Sequence[str]:
    from ich_node.health.in_words import in_words

    until = _day_and_time(incident.ended_at) if incident.ended_at else "now"
    return _day_and_time(incident.began_at), until, in_words(incident).sentence


def _day_and_time(at: datetime) -> str:
    """Local; the day alone if it is of another year."""
    local = at.astimezone()
    is_this_year = local.year == datetime.now(UTC).astimezone().year
    return f"{local:%m-%d %H:%M}" if is_this_year else f"{local:%Y-%m-%d}"


def _facts(incident: "Incident") -> dict[str, object]:
    from ich_node.health.in_words import in_words

    return in_words(incident).facts


def _channel_lines(config: "Config", channels: "Sequence[AlertChannel]") -> list[str]:
    """What became of each alert that is configured."""
    by_name = {channel.alert: channel for channel in channels}
    lines = []
    for alert in config.alerts:
        channel = by_name.get(alert.name)
        if channel is None or (channel.told_at is None and channel.failing_since is None):
            lines.append(f"{alert.name} ({alert.kind}): nothing was told yet")
        elif channel.failing_since is not None:
            since = _day_and_time(channel.failing_since)
            lines.append(f"{alert.name} ({alert.kind}): FAILS since {since}: {channel.detail}")
        else:
            told_at = _day_and_time(channel.told_at) if channel.told_at else "never"
            lines.append(f"{alert.name} ({alert.kind}): last told {told_at}")
    return lines
