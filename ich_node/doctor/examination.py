"""All checks, one after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.config.config import Config
from ich_node.doctor.another import about_another_installation
from ich_node.doctor.backups import about_backups, last_backup
from ich_node.doctor.clock import about_other_clocks, about_the_clock, clock_is_synchronized
from ich_node.doctor.complaint import Complaint
from ich_node.doctor.disks import about_disks
from ich_node.doctor.packages import about_packages, not_as_tested
from ich_node.doctor.ports import about_ports
from ich_node.doctor.processes import about_heartbeats, about_settings, stopped_here
from ich_node.doctor.rights import about_rights
from ich_node.doctor.search_key import about_search_key
from ich_node.doctor.spool_files import about_missing_files, about_orphans
from ich_node.doctor.troubles import about_troubles
from ich_node.doctor.units import about_units
from ich_node.errors import IchNodeError
from ich_node.ledger import Ledger
from ich_node.service.machine import Machine
from ich_node.service.units import sets_credentials
from ich_node.spool import Spool


@dataclass(frozen=True, kw_only=True)
class Installation:
    """config: None if it cannot be loaded; mistakes say why, or what its services would miss.
    ledger: None if there is none yet, and no_ledger says where, or if it cannot be opened, and
    ledger_problem says why.
    """

    config: Config | None
    config_path: Path | None
    mistakes: Sequence[str]
    ledger: Ledger | None
    no_ledger: str
    ledger_problem: str
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One check. not_checked: why it could not be made, "" if it was; said: what is worth knowing
    and no fault, e.g. why there is nothing to check.
    """

    name: str
    complaints: Sequence[Complaint]
    not_checked: str = ""
    said: str = ""


def examine(there: Installation, *, files: bool) -> Iterator[Checked]:
    """files: also each file of the spool, which takes minutes where there are millions."""
    mistakes = [Complaint(sentence=each) for each in there.mistakes]
    yield Checked(
        name="configuration",
        complaints=[*mistakes, *about_another_installation(there.config_path)],
    )
    yield _ledger(there)
    config, ledger, now = there.config, there.ledger, there.now
    if config is not None:
        yield _checked("rights", lambda: about_rights(config, there.config_path))
        yield _checked("disks", lambda: about_disks(config))
        yield _checked("ports", lambda: about_ports(config))
        yield _settings(config, there.config_path)
        yield _checked("services here", list, lambda: stopped_here(config))
    if ledger is not None:
        yield _checked("services", lambda: about_heartbeats(ledger, now))
    if ledger is not None and config is not None:
        yield _checked("search key", lambda: about_search_key(ledger, config))
        yield _checked("troubles", lambda: about_troubles(ledger, config, now))
    yield _clock()
    if ledger is not None:
        yield _checked("clocks of all hosts", lambda: about_other_clocks(ledger, now))
        yield _checked("backup", lambda: about_backups(ledger, now), lambda: last_backup(ledger))
    yield _checked("packages", about_packages, not_as_tested)
    yield _checked("units", about_units)
    if files and ledger is not None and config is not None:
        spool = Spool(config.spool.path, make=False)
        yield _checked("files", lambda: about_missing_files(ledger, spool))
        yield _checked("orphaned files", lambda: about_orphans(ledger, spool, now))


def _ledger(there: Installation) -> Checked:
    if there.ledger_problem:
        return Checked(name="ledger", complaints=[Complaint(sentence=there.ledger_problem)])
    return Checked(name="ledger", complaints=[], said=there.no_ledger)


def _settings(config: Config, path: Path | None) -> Checked:
    if sets_credentials(Machine()):
        said = "drop-ins give the services settings or keys that no command has"
        return Checked(name="settings", complaints=[], said=said)
    return _checked("settings", lambda: about_settings(config, path))


def _clock() -> Checked:
    synchronized = clock_is_synchronized()
    if synchronized is None:
        return Checked(name="clock", complaints=[], said="systemd does not say who sets it here")
    return _checked("clock", lambda: about_the_clock(is_synchronized=synchronized))


def _checked(
    name: str,
    check: Callable[[], Iterable[Complaint]],
    said: Callable[[], str] = str,
) -> Checked:
    """What one check cannot find out does not keep the others from being made."""
    try:
        return Checked(name=name, complaints=list(check()), said=said())
    except IchNodeError as error:
        return Checked(name=name, complaints=[], not_checked=error.detail)
    except PermissionError as error:
        why = f"this user may not look into {error.filename}"
        return Checked(name=name, complaints=[], not_checked=why)
