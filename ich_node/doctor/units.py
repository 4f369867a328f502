"""What is no longer as `install-service` made it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ich_node.doctor.complaint import Complaint
from ich_node.service import places
from ich_node.service.install import ServiceWishes, plan
from ich_node.service.machine import Machine
from ich_node.service.step import State, seen
from ich_node.service.units import failed_units, restarting_units

FAILED = "`journalctl -u {unit} -n 50` says why; then `systemctl restart {unit}`."
APPLY = "As root: `{program} install-service` shows each step, --apply does them."


def about_units() -> Iterator[Complaint]:
    """Nothing where the node was not installed by `install-service`, e.g. in a container."""
    machine = Machine()
    for unit in failed_units(machine):
        yield Complaint(sentence=f"{unit} has failed.", remedy=FAILED.format(unit=unit))
    for unit in restarting_units(machine):
        yield Complaint(
            sentence=f"{unit} has just ended, and systemd starts it again.",
            remedy=f"If this stays so, `journalctl -u {unit} -n 50` says why.",
        )
    first = machine.at(places.UNITS / places.SERVICES[0])
    program = Path(sys.prefix) / "bin/ich-node"
    if not first.exists():
        return
    if f"ExecStart={program} " not in first.read_text(encoding="utf-8"):
        yield Complaint(
            sentence=f"The services run another program than this one, which is {program}.",
            remedy=f"Call `ich-node doctor` ({places.COMMAND}).",
        )
        return
    wishes = ServiceWishes(
        prefix=Path(sys.prefix), wheel=None, config=None, start=False, replace_edited=False
    )
    steps = [(step.what, seen(step)) for step in plan(machine, wishes).steps]
    changed = [
        f"{what} ({found.detail})" if found.detail else what
        for what, found in steps
        if found.state is State.TO_DO
    ]
    if changed:
        yield Complaint(
            sentence=f"No longer so: {'; '.join(changed)}.", remedy=APPLY.format(program=program)
        )
    for what, found in steps:
        if found.state is State.LEFT:
            yield Complaint(sentence=f"{what}: {found.detail}.")
