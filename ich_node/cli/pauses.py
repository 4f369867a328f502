"""pause, resume, drain: for maintenance of the node or of a destination."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.lines import shortened
from ich_node.cli.who import who
from ich_node.errors import ConfigError
from ich_node.near import check_known
from ich_node.times import ahead, moment

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Ledger, Pause
    from ich_node.ledger.backlog import Backlog

# A listener looks at the ledger every half second, and then says whether associations are open.
LISTENERS_KNOW = timedelta(seconds=3)
LOOK_SECONDS = 0.5


def pause(
    context: typer.Context,
    target: Annotated[
        str, typer.Argument(help="`reading`, or the name of a destination in config.toml.")
    ],
    until: Annotated[
        str | None,
        typer.Option(help="When it ends by itself: 30min, 2h, 14:30, 2026-11-01 06:00."),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for others who look.")] = "",
) -> None:
    """Read no series, or send nothing to a destination, until `resume`. What is under way is
    finished; nothing is lost, and no try is counted.
    """
    from ich_node.ledger.pauses import READING, to_destination

    node: CliContext = context.obj
    now = datetime.now(UTC)
    if target == "receiving":
        raise ConfigError("receiving is stopped by `ich-node drain`")
    if target != READING:
        names = [READING, *(destination.name for destination in node.config.destinations)]
        check_known(target, names, what="destination")
    key = target if target == READING else to_destination(target)
    ledger = node.ledger_in_place()
    end = ahead(until, now=now) if until else None
    ledger.pauses.pause(key, now=now, until=end, who=who(), why=why)
    for line in _described(ledger, now, key):
        typer.echo(line)


def resume(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(help="`reading`, `receiving` or a destination; default: everything."),
    ] = None,
) -> None:
    """End a pause, or the drain, now."""
    from ich_node.ledger.pauses import READING, RECEIVING, TO, to_destination

    node: CliContext = context.obj
    ledger, now = node.ledger_in_place(), datetime.now(UTC)
    paused = [each.target for each in ledger.pauses.in_force(now)]
    if target is None:
        targets = paused
    else:
        configured = [destination.name for destination in node.config.destinations]
        known = [READING, RECEIVING, *configured, *(each.removeprefix(TO) for each in paused)]
        check_known(target, known, what="pause or destination")
        targets = [target if target in (READING, RECEIVING) else to_destination(target)]
    ended = ledger.pauses.resume(targets, now=now, who=who())
    for each in ended:
        typer.echo(f"{_name(each)} goes on")
    if not ended:
        typer.echo(f"{target} is not paused" if target else "nothing is paused")


def drain(
    context: typer.Context,
    timeout: Annotated[
        str, typer.Option(help="How long to wait for the node to be empty: 30s, 10min, 2h.")
    ] = "10min",
) -> None:
    """Take nothing new, finish what is there, and say when the node is empty: before maintenance.

    Modalities that want an association are told to try later. `ich-node resume` takes it back.
    """
    from ich_node.ledger.pauses import RECEIVING

    node: CliContext = context.obj
    ledger, now = node.ledger_in_place(), datetime.now(UTC)
    seconds = (now - moment(timeout, now=now, option="--timeout")).total_seconds()
    if not any(each.target == RECEIVING for each in ledger.pauses.in_force(now)):
        ledger.pauses.pause(RECEIVING, now=now, until=None, who=who(), why="drain")
    typer.echo("nothing new is received; `ich-node resume` takes it back")
    is_empty = wait_until_empty(
        ledger, clock=lambda: datetime.now(UTC), wait=time.sleep, until=now + timedelta(0, seconds)
    )
    raise typer.Exit(0 if is_empty else 1)


def wait_until_empty(
    ledger: "Ledger",
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], object],
    until: datetime,
) -> bool:
    """Prints what still waits whenever that has changed. False if it is `until`, or somebody has
    resumed it, before nothing waits.
    """
    from ich_node.ledger.backlog import backlog
    from ich_node.ledger.pauses import RECEIVING

    said = ""
    while True:
        now = clock()
        drained = [each for each in ledger.pauses.in_force(now) if each.target == RECEIVING]
        if not drained:
            typer.echo("not empty: somebody has resumed receiving")
            return False
        left = backlog(ledger.database)
        busy_until = drained[0].busy_until
        is_known = now >= drained[0].since + LISTENERS_KNOW
        is_open = busy_until is not None and busy_until > now
        if is_known and not is_open and left.is_empty:
            typer.echo("empty: nothing waits")
            return True
        words = "; ".join([*_waiting(left), *(["associations are open"] if is_open else [])])
        if now >= until:
            typer.echo(f"not empty after the timeout: {words or 'the listener may be busy'}")
            for line in _hints(ledger, now, left):
                typer.echo(line)
            return False
        if words and words != said:
            typer.echo(f"waits: {words}")
            said = words
        wait(LOOK_SECONDS)


def pause_lines(ledger: "Ledger", now: datetime) -> list[str]:
    """What is paused, for people who look at other things: one line for each pause."""
    return [_line(pause, now) for pause in ledger.pauses.in_force(now)]


def _described(ledger: "Ledger", now: datetime, target: str) -> list[str]:
    return [_line(each, now) for each in ledger.pauses.in_force(now) if each.target == target]


def _name(pause: "Pause") -> str:
    from ich_node.ledger.pauses import TO

    return f"sending {pause.target}" if pause.target.startswith(TO) else pause.target


def _line(pause: "Pause", now: datetime) -> str:
    until = f" until {_local(pause.until, now)}" if pause.until else ""
    why = f": {pause.why}" if pause.why else ""
    line = f"paused: {_name(pause)}, since {_local(pause.since, now)}{until} by {pause.who}{why}"
    return shortened(line, get_terminal_size().columns)


def _local(at: datetime, now: datetime) -> str:
    """The time of day; with the day if that is not today."""
    local = at.astimezone()
    is_today = local.date() == now.astimezone().date()
    return f"{local:%H:%M}" if is_today else f"{local:%Y-%m-%d %H:%M}"


def _waiting(left: "Backlog") -> list[str]:
    """What is not finished, a few words for each kind."""
    series = [
        f"{count} {'series' if state != 'READING' else 'series being'} {_state_words(state)}"
        for state, count in left.series.items()
    ]
    told = [f"{left.untold} series not told yet"] if left.untold else []
    objects = [
        f"{count} {'object' if count == 1 else 'objects'} to {name}"
        for name, count in sorted(left.objects.items())
    ]
    return [*series, *told, *objects]


def _state_words(state: str) -> str:
    return {"WAITING": "to read", "READING": "read", "HELD": "held by a rule"}[state]


def _hints(ledger: "Ledger", now: datetime, left: "Backlog") -> list[str]:
    """Why it may take long, and what to do."""
    hints = pause_lines(ledger, now)
    if left.objects:
        hints.append("`ich-node deliveries list` says why objects wait")
    return hints


def add_to(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)
    app.command()(drain)
