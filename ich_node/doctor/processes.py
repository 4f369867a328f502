"""The processes of the services: silent ones, and those that run with what was there before."""

import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ich_node import __version__
from ich_node.config.config import Config
from ich_node.config.reload import fingerprints
from ich_node.doctor.complaint import Complaint
from ich_node.health.services import SERVICES, is_alive
from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.processes.running import running_services

RESTART = "Restart it: what was acknowledged is not lost."


def about_heartbeats(ledger: Ledger, now: datetime) -> Iterator[Complaint]:
    """Of all hosts. Raises Unavailable."""
    processes = ledger.heartbeats.all()
    for each in processes:
        process = f"{each.service} on {each.host} (process {each.pid})"
        if not is_alive(each, now):
            if any(is_alive(other, now) and _succeeds(other, each) for other in processes):
                continue
            yield Complaint(
                sentence=f"{process} was last heard of at {each.beat_at:%Y-%m-%d %H:%M:%S} UTC.",
                remedy=f"Look at its log; start ich-node-{each.service} on {each.host}.",
            )
        elif each.host == socket.gethostname() and each.version != __version__:
            yield Complaint(
                sentence=f"{process} runs ich-node {each.version}; installed is {__version__}.",
                remedy=RESTART,
            )


def _succeeds(process: Heartbeat, other: Heartbeat) -> bool:
    """It was started in place of the other, which was killed."""
    place = (process.host, process.service)
    return place == (other.host, other.service) and process.started_at >= other.beat_at


def stopped_here(config: Config) -> str:
    """Which services do not run on this host, which may be as it should; "" if all do. Raises
    PermissionError.
    """
    running = {each.name for each in running_services(config.spool.path)}
    wanted = (*SERVICES, "web") if config.web.enabled else SERVICES
    stopped = [name for name in wanted if name not in running]
    if not stopped:
        return ""
    if not running:
        return "none runs on this host; `systemctl start ich-node.target` starts them"
    names = " ".join(f"ich-node-{name}" for name in stopped)
    does = "does" if len(stopped) == 1 else "do"
    return f"{', '.join(stopped)} {does} not run on this host; `systemctl start {names}`"


def about_settings(config: Config, config_path: Path | None) -> Iterator[Complaint]:
    """Which services of this host have other settings than the file now says. Raises
    PermissionError.
    """
    mine = str(config_path.absolute()) if config_path is not None else ""
    now = fingerprints(config)
    for each in running_services(config.spool.path):
        process = f"{each.name} (process {each.pid})"
        if each.config != mine:
            read = each.config or "built-in settings"
            yield Complaint(
                sentence=f"{process} reads {read}, not {mine or 'built-in settings'}.",
                remedy="Give this command that file with --config, or start the service with it.",
            )
        old = [name for name in now if each.needs_restart.get(name) != now[name]]
        if old:
            sentence = f"{process} has an earlier value of {', '.join(old)}."
            yield Complaint(sentence=sentence, remedy=RESTART)
