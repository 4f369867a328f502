"""run, receive, analyse, send, echo, check-config."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.config.destinations import Destination
from ich_node.config.settings import Config
from ich_node.errors import ConfigError
from ich_node.processes.log import set_up_logging
from ich_node.processes.siblings import Inheritance
from ich_node.processes.supervise import run_all, run_receivers, stop_with_parent
from ich_node.processes.systemd import READY, tell_systemd
from ich_node.processes.watchdog import Watchdog
from ich_node.spool import Spool

if TYPE_CHECKING:
    from ich_node.ledger import Ledger

STALL_SECONDS = 300.0  # of receive and send, whose every wait is shorter

StopWithParent = Annotated[bool, typer.Option("--stop-with-parent", hidden=True)]
Inherits = Annotated[
    str, typer.Option("--inherits", hidden=True)
]  # one of [scp] processes: what its parent gave it


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The loaded configuration and where it came from."""

    path: Path | None
    config: Config

    def ledger(self) -> "Ledger":
        from ich_node.ledger import open_ledger

        return open_ledger(self.config.database.url)

    def spool(self) -> Spool:
        return Spool(self.config.spool.path, reserve_bytes=self.config.spool.reserve_bytes)


def now() -> datetime:
    """The one clock of the node."""
    return datetime.now(UTC)


def owner() -> str:
    """Who holds a lease: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def reload_on_signal() -> threading.Event:
    """An event that SIGHUP sets."""
    reload = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    return reload


def _watched(stall_seconds: float) -> Watchdog:
    """The node's clock for a loop that must not stand still for so long."""
    watchdog = Watchdog(now, stall_seconds)
    watchdog.start()
    return watchdog


def _begin(setup: Setup, process: str, with_parent: bool) -> threading.Event:
    set_up_logging(setup.config.log.level, process)
    stop = stop_on_signal()
    if with_parent:
        stop_with_parent(stop)
    return stop


def _import_what_they_share() -> None:
    """Before processes are forked."""
    import ich_node.deliver.loop
    import ich_node.receive  # noqa: F401


def _main() -> Callable[[Sequence[str]], None]:
    from ich_node.cli import main  # it imports this module

    return main


def run(context: typer.Context) -> None:
    """Receive, analyse and send on this machine, in three processes."""
    setup: Setup = context.obj
    stop = _begin(setup, "run", with_parent=False)
    _import_what_they_share()
    run_all(setup.path, stop, _main())


def receive(
    context: typer.Context, stop_with_parent: StopWithParent = False, inherits: Inherits = ""
) -> None:
    """The DICOM listener: store what comes, then say Success."""
    setup: Setup = context.obj
    stop = _begin(setup, "receive", stop_with_parent)
    config = setup.config
    if config.scp.processes > 1 and not inherits:
        _import_what_they_share()
        setup.ledger().dispose()  # migrates once, before several processes open it
        ports = [] if config.tls.required else [config.scp.port]
        ports += [config.tls.port] if config.tls.is_on else []
        addresses = [(config.scp.bind_address, port) for port in ports]
        run_receivers(
            setup.path, config.scp.processes, addresses, stop, reload_on_signal(), _main()
        )
        return
    from ich_node.receive import receive_forever

    receive_forever(
        config.scp,
        config.sources,
        config.series,
        setup.spool(),
        setup.ledger().receiving,
        clock=_watched(STALL_SECONDS),
        stop=stop,
        tls=config.tls,
        reload=reload_on_signal(),
        inheritance=Inheritance.parse(inherits) if inherits else None,
    )


def analyse(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Read the series that are complete."""
    from ich_node.analyse.active_bundle import ActiveBundle
    from ich_node.analyse.loop import Analyser
    from ich_node.report import ReportOptions

    setup: Setup = context.obj
    stop = _begin(setup, "analyse", stop_with_parent)
    ledger = setup.ledger()
    analyser = Analyser(
        ledger=ledger.reading,
        spool=setup.spool(),
        shelf=ActiveBundle(ledger.activations, setup.config.bundle.path),
        settings=setup.config.analysis,
        options=ReportOptions(
            ae_title=setup.config.scp.ae_title, **setup.config.report.model_dump()
        ),
        destinations=setup.config.destinations,
        owner=owner(),
        clock=_watched(setup.config.analysis.stall_seconds),
        stop=stop,
    )
    tell_systemd(READY)
    analyser.work()


def send(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Deliver results to the destinations."""
    from ich_node.deliver.loop import LONGEST_RETRY, Sender
    from ich_node.retention import SpoolRetention

    setup: Setup = context.obj
    stop = _begin(setup, "send", stop_with_parent)
    config, ledger, spool = setup.config, setup.ledger(), setup.spool()
    tell_systemd(READY)
    sender = Sender(
        ledger.delivery,
        spool,
        config.destinations,
        config.scp.ae_title,
        clock=_watched(STALL_SECONDS),
        owner=owner(),
        stop=stop,
        tls=config.tls,
    )
    longest_wait = max(_longest_wait(config), LONGEST_RETRY)
    sender.work(
        SpoolRetention(
            ledger.maintenance,
            spool,
            config.spool,
            now,
            keep_days=config.database.keep_days,
            longest_wait=longest_wait,
        )
    )


def _longest_wait(config: Config) -> timedelta:
    """That this configuration gives: for a series to be complete, a lease, a peer's confirmation."""
    confirmations = [
        getattr(destination, "commitment_timeout_seconds", 0) for destination in config.destinations
    ]
    return timedelta(
        seconds=max(config.series.max_wait_seconds, config.analysis.lease_seconds, *confirmations)
    )


def find_destination(config: Config, name: str) -> Destination:
    """Raises ConfigError naming the destinations there are."""
    for destination in config.destinations:
        if destination.name == name:
            return destination
    known = (
        ", ".join(destination.name for destination in config.destinations) or "none is configured"
    )
    raise ConfigError(f"there is no destination '{name}'; config.toml knows: {known}")


def echo(
    context: typer.Context, name: Annotated[str, typer.Argument(help="A [[destinations]] name.")]
) -> None:
    """Ask a destination whether it is there (C-ECHO, a query, a ping, a connection) and say in
    words what it answers.
    """
    from ich_node.deliver.echo import echo as ask

    config: Config = context.obj.config
    result = ask(find_destination(config, name), config.scp.ae_title, config.tls)
    typer.echo(result.words)
    if not result.ok:
        raise typer.Exit(1)


def check_config(context: typer.Context) -> None:
    """Say whether the configuration holds, and what it means."""
    setup: Setup = context.obj
    config = setup.config
    typer.echo(f"{setup.path or 'defaults (no --config given)'}: ok")
    if not config.tls.required:
        typer.echo(
            f"listens as {config.scp.ae_title} on {config.scp.bind_address}:{config.scp.port}"
        )
    if config.tls.is_on:
        _check_certificates(config)
    for source in config.sources:
        typer.echo(
            f"accepts {source.ae_title} ({source.name}) from {', '.join(source.hosts) or 'any host'}"
        )
    if not config.sources:
        typer.echo("accepts nobody: add a [[sources]] entry for each AE that may send")
    for destination in config.destinations:
        typer.echo(_described(destination))
    if not config.destinations:
        typer.echo("sends results to nobody: add a [[destinations]] entry")
    if config.bundle.path is not None and not config.bundle.path.is_file():
        raise ConfigError(f"[bundle] path: there is no file {config.bundle.path}")
    if config.analysis.engine == "openvino":
        from ich_node.model.engines.choose import require_installed

        require_installed(config.analysis.engine)


def _described(destination: Destination) -> str:
    """What goes there, and how."""
    from ich_node.deliver.echo import address_of

    what = "objects" if destination.gets == "objects" else "notifications"
    identified = getattr(destination, "identifiers", False)
    details = [
        " over TLS" if getattr(destination, "tls", False) else "",
        " with patient and order" if identified else "",
        ", of positive readings only" if destination.only_if_positive else "",
        f", priority {destination.priority}" if destination.priority else "",
    ]
    return f"sends {what} to {destination.name} ({address_of(destination)}){''.join(details)}"


def _check_certificates(config: Config) -> None:
    """Raises ConfigError for files that cannot be used and for a certificate that has expired."""
    from ich_node.network.tls import certificate_ends, client_context

    client_context(config.tls)
    ends = certificate_ends(config.tls)
    typer.echo(
        f"listens as {config.scp.ae_title} on {config.scp.bind_address}:{config.tls.port} with TLS"
    )
    days = (ends - now()).days
    soon = days < config.tls.warn_days
    typer.echo(
        f"{'WARNING: ' if soon else ''}the certificate of [tls] holds until {ends:%Y-%m-%d}, {days} days from now"
    )


def conformance() -> None:
    """Print the DICOM conformance statement (Markdown)."""
    from ich_node.conformance import statement

    typer.echo(statement(), nl=False)


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(receive)
    app.command()(analyse)
    app.command()(send)
    app.command()(echo)
    app.command("check-config")(check_config)
    app.command()(conformance)
