"""run, receive, analyse, send: the services of the node."""

import os
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.processes.watchdog import Watchdog

STALL_SECONDS = 300.0  # of receive and send, whose waits are all shorter

StopWithParent = Annotated[bool, typer.Option("--stop-with-parent", hidden=True)]


def now() -> datetime:
    """The clock of the node."""
    return datetime.now(UTC)


def run(context: typer.Context) -> None:
    """Receive, analyse and send on this machine, in three processes."""
    # Imported before the processes are forked, so that they share its memory.
    import ich_node.deliver.loop
    import ich_node.receive  # noqa: F401
    from ich_node.processes.supervise import run_all

    node: CliContext = context.obj
    stop = _begin(node, process="run", with_parent=False)
    run_all(config=node.path, stop=stop, main=node.main)


def receive(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """The DICOM listener: store each object, then answer Success."""
    from ich_node.receive import receive_forever

    node: CliContext = context.obj
    stop = _begin(node, process="receive", with_parent=stop_with_parent)
    config, ledger = node.config, node.ledger()
    receive_forever(
        scp=config.scp,
        sources=config.sources,
        series=config.series,
        study=config.study,
        spool=node.spool(),
        ledger=ledger.receiving,
        search_key=ledger.search_keys.for_receiving(config.database.search_key, now=now()),
        clock=_watched_clock(STALL_SECONDS),
        stop=stop,
        reload=_reload_on_signal(),
        tls=config.tls,
    )


def analyse(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Read the series that are complete."""
    from ich_node.analyse.active_bundle import ActiveBundle
    from ich_node.analyse.loop import Analyser
    from ich_node.processes.systemd import READY, tell_systemd
    from ich_node.report import ReportOptions
    from ich_node.series.rules import SelectionRules

    node: CliContext = context.obj
    stop = _begin(node, process="analyse", with_parent=stop_with_parent)
    config, ledger = node.config, node.ledger()
    analyser = Analyser(
        ledger=ledger.reading,
        spool=node.spool(),
        active_bundle=ActiveBundle(ledger=ledger.activations, configured=config.bundle.path),
        settings=config.analysis,
        study=config.study,
        demonstration_on_real_sources=config.bundle.demonstration_on_real_sources,
        rules=SelectionRules(**config.selection.model_dump()),
        options=ReportOptions(ae_title=config.scp.ae_title, **config.report.model_dump()),
        destinations=config.destinations,
        owner=_owner(),
        clock=_watched_clock(config.analysis.stall_seconds),
        stop=stop,
    )
    tell_systemd(READY)
    analyser.work()


def send(context: typer.Context, stop_with_parent: StopWithParent = False) -> None:
    """Deliver results to the destinations."""
    from ich_node.analyse.active_bundle import active_path
    from ich_node.deliver.loop import Sender
    from ich_node.deliver.retry import LONGEST_RETRY
    from ich_node.maintenance import Maintenance, Task, housekeeping
    from ich_node.processes.systemd import READY, tell_systemd
    from ich_node.report import ReportOptions
    from ich_node.report.algorithm import algorithm_of_file
    from ich_node.study.teller import Teller

    node: CliContext = context.obj
    stop = _begin(node, process="send", with_parent=stop_with_parent)
    config, ledger, spool = node.config, node.ledger(), node.spool()
    tell_systemd(READY)
    sender = Sender(
        ledger=ledger.delivery,
        spool=spool,
        destinations=config.destinations,
        ae_title=config.scp.ae_title,
        clock=_watched_clock(STALL_SECONDS),
        owner=_owner(),
        stop=stop,
        tls=config.tls,
    )
    teller = Teller(
        ledger=ledger.telling,
        spool=spool,
        settings=config.study,
        options=ReportOptions(ae_title=config.scp.ae_title, **config.report.model_dump()),
        destinations=config.destinations,
        algorithm=lambda: algorithm_of_file(active_path(ledger.activations, config.bundle.path)),
    )
    second, ten_seconds = timedelta(seconds=1), timedelta(seconds=10)
    tasks = housekeeping(
        ledger=ledger.maintenance,
        spool=spool,
        settings=config.spool,
        keep_days=config.database.keep_days,
        longest_wait=max(_longest_wait(config), LONGEST_RETRY),
        clock=now,
        more=[
            Task(name="tell_not_analysed", every=second, run=teller.tell_refused),
            Task(name="tell_overdue", every=ten_seconds, run=teller.tell_overdue),
        ],
    )
    with Maintenance(
        tasks=tasks, clock=_watched_clock(STALL_SECONDS, loop="maintenance")
    ).running():
        sender.work()


def _begin(node: "CliContext", *, process: str, with_parent: bool) -> threading.Event:
    """Set up the log and the signals of a service. Returns an event that SIGTERM and SIGINT set.

    with_parent: it is set as well when the parent process ends.
    """
    import structlog

    from ich_node.processes.log import set_up_logging

    node.loaded.require_ledger_in_place()
    set_up_logging(node.config.log.level, process)
    if not with_parent:  # a parent has logged them
        log = structlog.get_logger(__name__)
        for setting in node.loaded.removed:
            log.warning(
                "setting_removed",
                section=setting.section,
                key=setting.key,
                since=setting.since,
                advice=setting.advice,
            )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_parent:
        from ich_node.processes.supervise import stop_with_parent

        stop_with_parent(stop)
    return stop


def _reload_on_signal() -> threading.Event:
    """An event that SIGHUP sets."""
    reload = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    return reload


def _watched_clock(stall_seconds: float, *, loop: str = "main") -> "Watchdog":
    """The node's clock, which ends the process if nobody asks it for that long."""
    from ich_node.processes.watchdog import Watchdog

    watchdog = Watchdog(clock=now, limit_seconds=stall_seconds, loop=loop)
    watchdog.start()
    return watchdog


def _owner() -> str:
    """The holder of a lease: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _longest_wait(config: "Config") -> timedelta:
    """The longest time that a series or delivery waits with this configuration: for the series to
    be complete, for a lease to end, for storage commitment.
    """
    commitments = [
        getattr(destination, "commitment_timeout_seconds", 0) for destination in config.destinations
    ]
    return timedelta(
        seconds=max(config.series.max_wait_seconds, config.analysis.lease_seconds, *commitments)
    )


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(receive)
    app.command()(analyse)
    app.command()(send)
