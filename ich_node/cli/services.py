"""run, receive, analyse, send, web: the services of the node."""

import ctypes
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.cli.live_config import LiveConfig
    from ich_node.config.config import Config
    from ich_node.ledger import Ledger
    from ich_node.processes.watchdog import Watchdog
    from ich_node.receive import Listener
    from ich_node.receive.urgent import UrgentRule

STALL_SECONDS = 300.0  # of receive, send and web, whose waits are all shorter
GDCM = "gdcm"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
KEPT = 128 << 10  # bytes; without it, glibc keeps more and more
SITE_NICENESS = 5  # who looks does not slow down who reads

StopWithParent = Annotated[bool, typer.Option("--stop-with-parent", hidden=True)]


def now() -> datetime:
    """The clock of the node."""
    return datetime.now(UTC)


def run(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Receive, analyse, send and show the site on this machine, each in a process of its own."""
    _without(GDCM)
    # Imported before the processes are forked, so that they share its memory.
    import ich_node.deliver.loop
    import ich_node.receive  # noqa: F401
    from ich_node.processes.supervise import run_all

    node: CliContext = context.obj
    with _service(node, "run", with_parent=stop_with_parent) as live:
        run_all(
            config=node.path,
            stop=live.stop,
            turn=live.turn,
            main=node.main,
            with_site=live.config.web.enabled,
        )


def receive(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """The DICOM listener: store each object, then answer Success."""
    from ich_node.cli.heartbeats import heartbeat, of_listener
    from ich_node.cli.ledger_of_service import ledger_of_service
    from ich_node.ledger.counts import Tally
    from ich_node.receive import Listener, receive_forever

    node: CliContext = context.obj
    listening: list[Listener] = []
    with _service(node, "receive", with_parent=stop_with_parent) as live:
        config, ledger = live.config, ledger_of_service(node, "receive", live.stop)
        clock, counts = _watched_clock(STALL_SECONDS), Tally()
        with heartbeat(
            ledger, "receive", counts, [clock], lambda: of_listener(listening), clock=now
        ):
            receive_forever(
                scp=config.scp,
                sources=config.sources,
                series=config.series,
                study=config.study,
                verdicts=config.verdicts,
                spool=node.spool(),
                ledger=ledger.receiving,
                search_key=ledger.search_keys.for_receiving(config.database.search_key, now=now()),
                clock=clock,
                counts=counts,
                stop=live.stop,
                turn=live.turn,
                on_start=listening.append,
                on_turn=lambda listener: _read_again(live, listener),
                tls=config.tls,
                urgent_rule=_urgent_rule(config),
            )


def _urgent_rule(config: "Config") -> "UrgentRule | None":
    """None where no rule is about urgent series: no header is then read for them."""
    from ich_node.study.site_rules import site_rules

    if not config.rules:
        return None
    rules = site_rules(config)
    return rules.urgent_rule if rules.has_urgent else None


def _read_again(live: "LiveConfig", listener: "Listener") -> None:
    """Of certificates, the files may have changed, and the configuration not."""
    live.read_again()
    config = live.config
    listener.use(
        sources=config.sources,
        series=config.series,
        study=config.study,
        tls=config.tls,
        urgent_rule=_urgent_rule(config),
    )


def analyse(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Read the series that are complete."""
    from ich_node.analyse.active_bundle import ActiveBundle
    from ich_node.analyse.loop import Analyser
    from ich_node.cli.heartbeats import heartbeat, of_analyser
    from ich_node.ledger.counts import Tally
    from ich_node.processes.systemd import READY, tell_systemd
    from ich_node.report import ReportOptions
    from ich_node.series.rules import SelectionRules
    from ich_node.study.site_rules import site_rules

    node: CliContext = context.obj
    with _service(node, "analyse", with_parent=stop_with_parent) as live:
        ledger, spool = _ledger(node, "analyse", live), node.spool()
        clock, counts = _watched_clock(live.config.analysis.stall_seconds), Tally()
        active_bundle = ActiveBundle(ledger=ledger.activations, configured=live.config.bundle.path)
        detector = None
        at_work: list[Analyser] = []
        tell_systemd(READY)
        with heartbeat(ledger, "analyse", counts, [clock], lambda: of_analyser(at_work), clock=now):
            while not live.stop.is_set():
                config = live.config
                active_bundle.use(config.bundle.path)
                analyser = Analyser(
                    ledger=ledger.reading,
                    spool=spool,
                    active_bundle=active_bundle,
                    settings=config.analysis,
                    study=config.study,
                    demonstration_on_real_sources=config.bundle.demonstration_on_real_sources,
                    rules=SelectionRules(**config.selection.model_dump()),
                    site_rules=site_rules(config),
                    options=ReportOptions(
                        ae_title=config.scp.ae_title, **config.report.model_dump()
                    ),
                    destinations=config.destinations,
                    owner=_owner(),
                    clock=clock,
                    counts=counts,
                    stop=live.stop,
                    turn=live.turn,
                )
                at_work[:] = [analyser]
                detector = analyser.work(detector)
                live.read_again()


def send(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Deliver results to the destinations."""
    from ich_node.cli.heartbeats import heartbeat, of_sender
    from ich_node.cli.sender_tasks import tasks_of_sender
    from ich_node.deliver.loop import Sender
    from ich_node.deliver.watch import DestinationWatch
    from ich_node.ledger.counts import Tally
    from ich_node.maintenance import Maintenance
    from ich_node.processes.systemd import READY, tell_systemd

    node: CliContext = context.obj
    with _service(node, "send", with_parent=stop_with_parent) as live:
        ledger, spool = _ledger(node, "send", live), node.spool()
        clock, counts = _watched_clock(STALL_SECONDS), Tally()
        maintenance_clock = _watched_clock(STALL_SECONDS, loop="maintenance")
        tell_systemd(READY)
        loops = [clock, maintenance_clock]
        with heartbeat(ledger, "send", counts, loops, lambda: of_sender(live.config), clock=now):
            while not live.stop.is_set():
                config = live.config
                watch = DestinationWatch(
                    ledger=ledger.destination_states,
                    destinations=config.destinations,
                    calling_ae=config.scp.ae_title,
                    clock=now,
                    tls=config.tls,
                )
                sender = Sender(
                    ledger=ledger.delivery,
                    spool=spool,
                    destinations=config.destinations,
                    ae_title=config.scp.ae_title,
                    clock=clock,
                    owner=_owner(),
                    stop=live.stop,
                    turn=live.turn,
                    tls=config.tls,
                    counts=counts,
                    heard=watch.heard,
                )
                tasks = tasks_of_sender(config, ledger, spool, watch, owner=_owner())
                with Maintenance(tasks=tasks, clock=maintenance_clock).running():
                    sender.work()
                live.read_again()


def web(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Show the site for people, and metrics and health for machines."""
    import asyncio

    _without(GDCM, "requests")
    from ich_node.cli.heartbeats import heartbeat, of_site
    from ich_node.ledger.counts import Tally
    from ich_node.processes.systemd import READY, tell_systemd
    from ich_node.web.server import server_of
    from ich_node.web.site import Site

    _give_memory_back()
    node: CliContext = context.obj
    with _service(node, "web", with_parent=stop_with_parent) as live, _explained(stop_with_parent):
        with suppress(OSError):  # systemd sets it, and forbids to change it
            os.nice(SITE_NICENESS)
        ledger = _ledger(node, "web", live)
        site = Site(
            config=lambda: live.config,
            config_path=node.path,
            ledger=ledger,
            spool=node.spool(),
            clock=now,
        )
        server = server_of(site)
        clock = _watched_clock(STALL_SECONDS)

        def read_again() -> None:
            live.read_again()
            server.read_again()

        async def turn() -> None:
            clock()
            if live.stop.is_set():
                server.should_exit = True
            elif live.turn.is_set():
                await asyncio.to_thread(read_again)

        server.turn, server.ready = turn, lambda: tell_systemd(READY)
        with heartbeat(
            ledger,
            "web",
            Tally(),
            [clock],
            lambda: of_site(live.config, is_ready=server.started),
            clock=now,
        ):
            server.run()


def _without(*modules: str) -> None:
    """pydicom imports them if they are installed, which takes 24 MB; imagecodecs decodes for us."""
    for name in modules:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # "it cannot be imported"


def _give_memory_back() -> None:
    """What a picture needed for a moment goes back to the system, whichever thread made it."""
    with suppress(OSError, AttributeError):  # another C library than glibc has other ways
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((M_ARENA_MAX, 2), (M_MMAP_THRESHOLD, KEPT), (M_TRIM_THRESHOLD, KEPT)):
            mallopt(option, value)


@contextmanager
def _explained(with_parent: bool) -> Iterator[None]:
    """Below `run`, an error that keeps the site from running is an event of the log."""
    import structlog

    from ich_node.errors import IchNodeError

    try:
        yield
    except IchNodeError as error:
        if not with_parent:
            raise
        log = structlog.get_logger(__name__)
        log.error("site_cannot_run", reason=error.detail, others="not affected")
        raise typer.Exit(1) from error


def _ledger(node: "CliContext", service: str, live: "LiveConfig") -> "Ledger":
    """Raises ConfigError if this host has another search key than the ledger."""
    from ich_node.cli.ledger_of_service import ledger_of_service

    ledger = ledger_of_service(node, service, live.stop)
    ledger.search_keys.check(node.config.database.search_key)
    return ledger


@contextmanager
def _service(node: "CliContext", name: str, *, with_parent: bool) -> "Iterator[LiveConfig]":
    """Set up the log and the signals of a service. SIGTERM and SIGINT set stop and turn, SIGHUP
    turn alone.

    with_parent: they are set as well when the parent process ends.
    """
    import structlog

    from ich_node.cli.live_config import LiveConfig
    from ich_node.config.reload import fingerprints
    from ich_node.processes.log import set_up_logging
    from ich_node.processes.running import RunningService, announced

    node.loaded.require_ledger_in_place()
    log_settings = node.config.log
    set_up_logging(log_settings.level, name, format=log_settings.format, time=log_settings.time)
    live = LiveConfig(node, threading.Event())

    def end(*_: object) -> None:
        live.stop.set()
        live.turn.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: live.turn.set())
    if with_parent:
        from ich_node.processes.supervise import stop_with_parent

        stop_with_parent(end)
    else:  # a parent has logged them
        log = structlog.get_logger(__name__)
        for setting in node.loaded.removed:
            log.warning(
                "setting_removed",
                section=setting.section,
                key=setting.key,
                since=setting.since,
                advice=setting.advice,
            )
    if name == "run":  # its children are the services
        yield live
        return
    node.spool()
    me = RunningService(
        name=name,
        pid=os.getpid(),
        config=str(node.path.absolute()) if node.path is not None else "",
        needs_restart=fingerprints(node.config),
    )
    with announced(node.config.spool.path, me):
        yield live


def _watched_clock(stall_seconds: float, *, loop: str = "main") -> "Watchdog":
    """The node's clock, which ends the process if nobody asks it for that long."""
    from ich_node.processes.watchdog import Watchdog

    watchdog = Watchdog(clock=now, limit_seconds=stall_seconds, loop=loop)
    watchdog.start()
    return watchdog


def _owner() -> str:
    """The holder of a lease: host and process, and what tells apart processes of containers that
    have the host's name, and the same number each.
    """
    return _owner_of(os.getpid())


@cache
def _owner_of(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}.{secrets.token_hex(3)}"


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(receive)
    app.command()(analyse)
    app.command()(send)
    app.command()(web)
