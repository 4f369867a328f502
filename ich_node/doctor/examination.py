"""All checks, one after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.config.config import Config
from ich_node.doctor.clock import about_other_clocks, about_the_clock, clock_is_synchronized
from ich_node.doctor.complaint import Complaint
from ich_node.doctor.disks import about_disks
from ich_node.doctor.packages import about_packages
from ich_node.doctor.ports import about_ports
from ich_node.doctor.processes import about_heartbeats, about_settings
from ich_node.doctor.rights import about_rights
from ich_node.doctor.spool_files import about_missing_files, about_orphans
from ich_node.doctor.troubles import about_troubles
from ich_node.doctor.units import about_units
from ich_node.errors import IchNodeError
from ich_node.ledger import Ledger
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
    """One check. not_checked: why it could not be made, "" if it was; absent: why there is nothing
    to check, which is no fault.
    """

    name: str
    complaints: Sequence[Complaint]
    not_checked: str = ""
    absent: str = ""


def examine(there: Installation, *, files: bool) -> Iterator[Checked]:
    """files: also each file of the spool, which takes minutes where there are millions."""
    yield Checked(
        name="configuration", complaints=[Complaint(sentence=each) for each in there.mistakes]
    )
    yield _ledger(there)
    config, ledger, now = there.config, there.ledger, there.now
    if config is not None:
        yield _checked("rights", lambda: about_rights(config, there.config_path))
        yield _checked("disks", lambda: about_disks(config))
        yield _checked("ports", lambda: about_ports(config))
        yield _checked("settings", lambda: about_settings(config, there.config_path))
    if ledger is not None:
        yield _checked("services", lambda: about_heartbeats(ledger, now))
    if ledger is not None and config is not None:
        yield _checked("troubles", lambda: about_troubles(ledger, config, now))
    yield _clock()
    if ledger is not None:
        yield _checked("clocks of all hosts", lambda: about_other_clocks(ledger, now))
    yield _checked("packages", about_packages)
    yield _checked("units", about_units)
    if files and ledger is not None and config is not None and config.spool.path.is_dir():
        spool = Spool(config.spool.path)
        yield _checked("files", lambda: about_missing_files(ledger, spool))
        yield _checked("orphaned files", lambda: about_orphans(ledger, spool, now))


def _ledger(there: Installation) -> Checked:
    if there.ledger_problem:
        return Checked(name="ledger", complaints=[Complaint(sentence=there.ledger_problem)])
    return Checked(name="ledger", complaints=[], absent=there.no_ledger)


def _clock() -> Checked:
    synchronized = clock_is_synchronized()
    if synchronized is None:
        return Checked(name="clock", complaints=[], absent="systemd does not say who sets it here")
    return _checked("clock", lambda: about_the_clock(is_synchronized=synchronized))


def _checked(name: str, check: Callable[[], Iterable[Complaint]]) -> Checked:
    """What one check cannot find out does not keep the others from being made."""
    try:
        return Checked(name=name, complaints=list(check()))
    except IchNodeError as error:
        return Checked(name=name, complaints=[], not_checked=error.detail)
    except PermissionError as error:
        why = f"this user may not look into {error.filename}"
        return Checked(name=name, complaints=[], not_checked=why)
