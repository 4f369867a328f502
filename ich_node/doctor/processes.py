"""The processes of the services: silent ones, and those that run with what was there before."""

import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ich_node import __version__
from ich_node.config.config import Config
from ich_node.config.reload import fingerprints
from ich_node.doctor.complaint import Complaint
from ich_node.health.services import is_alive
from ich_node.ledger import Ledger
from ich_node.processes.running import running_services

RESTART = "Restart it: what was acknowledged is not lost."


def about_heartbeats(ledger: Ledger, now: datetime) -> Iterator[Complaint]:
    """Of all hosts. Raises Unavailable."""
    for each in ledger.heartbeats.all():
        process = f"{each.service} on {each.host} (process {each.pid})"
        if not is_alive(each, now):
            yield Complaint(
                sentence=f"{process} was last heard of at {each.beat_at.isoformat()}.",
                remedy=f"Look at its log; start ich-node-{each.service} on {each.host}.",
            )
        elif each.host == socket.gethostname() and each.version != __version__:
            yield Complaint(
                sentence=f"{process} runs ich-node {each.version}; installed is {__version__}.",
                remedy=RESTART,
            )


def about_settings(config: Config, config_path: Path | None) -> Iterator[Complaint]:
    """Which services of this host have other settings than the file now says."""
    mine = str(config_path.absolute()) if config_path is not None else ""
    now = fingerprints(config)
    try:
        running = running_services(config.spool.path)
    except PermissionError:
        yield Complaint(
            sentence=f"{config.spool.path} belongs to another user: its services are not known.",
            remedy="Run this as the user of the services, or as root.",
        )
        return
    for each in running:
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
