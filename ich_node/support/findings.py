"""What is wrong, as far as the node can tell: one sentence for each finding."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ich_node.config.config import Config
from ich_node.config.reload import fingerprints
from ich_node.errors import IchNodeError
from ich_node.health.certificates import certificates
from ich_node.health.disks import disks
from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.services import is_alive
from ich_node.health.troubles import troubles_now
from ich_node.ledger import Ledger
from ich_node.processes.running import running_services
from ich_node.support.settings import without_secrets
from ich_node.support.support_file import SupportFile, json_part

AHEAD = timedelta(seconds=30)  # of the clocks of two hosts
SECONDS_FOR_CLOCK = 10


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """about: trouble, configuration, service, clock, ledger."""

    about: str
    sentence: str
    remedy: str = ""


def findings(
    *,
    config: Config | None,
    config_path: Path | None,
    mistakes: Sequence[str],
    ledger: Ledger | None,
    ledger_problem: str,
    now: datetime,
) -> SupportFile:
    """config: None if it cannot be loaded: mistakes then say why. ledger: None if it cannot be
    opened.
    """
    found = [Complaint(about="configuration", sentence=without_secrets(each)) for each in mistakes]
    if ledger_problem:
        found.append(Complaint(about="ledger", sentence=without_secrets(ledger_problem)))
    if ledger is not None and config is not None:
        found += _troubles(ledger, config, now)
        found += _silent_processes(ledger, now)
    services: list[dict[str, object]] = []
    if config is not None:
        services, about_services = _services(config, config_path)
        found += about_services
    is_synchronized = clock_is_synchronized()
    if is_synchronized is False:
        found.append(Complaint(about="clock", sentence="The clock of this host follows no server."))
    return json_part(
        "findings.json",
        "what is wrong: troubles, settings, services, disks, clock",
        {
            "findings": found,
            "services of this host": services,
            "certificates": certificates(config) if config is not None else [],
            "disks": disks(config) if config is not None else [],
            "clock follows a server": is_synchronized,
        },
    )


def _troubles(ledger: Ledger, config: Config, now: datetime) -> Iterator[Complaint]:
    try:
        for trouble in troubles_now(ledger, config, now):
            yield Complaint(
                about="trouble", sentence=sentence_of(trouble), remedy=remedy_of(trouble)
            )
    except IchNodeError as error:
        yield Complaint(about="ledger", sentence=error.detail)


def _silent_processes(ledger: Ledger, now: datetime) -> Iterator[Complaint]:
    """Those that ended without a word, and hosts whose clock is ahead of ours."""
    for each in ledger.heartbeats.all():
        process = f"{each.service} on {each.host} (process {each.pid})"
        if not is_alive(each, now):
            sentence = f"{process} was last heard of at {each.beat_at.isoformat()}."
            yield Complaint(about="service", sentence=sentence)
        elif each.beat_at - now > AHEAD:
            seconds = (each.beat_at - now).total_seconds()
            sentence = f"The clock of {each.host} is {seconds:.0f} s ahead of this host's."
            yield Complaint(about="clock", sentence=sentence)


def _services(
    config: Config, config_path: Path | None
) -> tuple[list[dict[str, object]], list[Complaint]]:
    """Those of this host, and which of them have other settings than the file now says."""
    mine = str(config_path.absolute()) if config_path is not None else ""
    now, found = fingerprints(config), []
    try:
        running = running_services(config.spool.path)
    except PermissionError:
        sentence = f"{config.spool.path} belongs to another user: its services are not known."
        return [], [Complaint(about="service", sentence=sentence)]
    for each in running:
        process = f"{each.name} (process {each.pid})"
        if each.config != mine:
            read = each.config or "built-in settings"
            found.append(
                Complaint(about="service", sentence=f"{process} reads {read}, not {mine}.")
            )
        old = [name for name in now if each.needs_restart.get(name) != now[name]]
        if old:
            sentence = f"{process} has an earlier value of {', '.join(old)}."
            found.append(Complaint(about="service", sentence=sentence, remedy="Restart it."))
    return [{"name": each.name, "pid": each.pid, "config": each.config} for each in running], found


def clock_is_synchronized() -> bool | None:
    """None: systemd does not say."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=SECONDS_FOR_CLOCK,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())
