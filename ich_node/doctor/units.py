"""What is no longer as `install-service` made it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ich_node.doctor.complaint import Complaint
from ich_node.service import places
from ich_node.service.install import ServiceWishes, plan
from ich_node.service.machine import Machine
from ich_node.service.step import State, seen
from ich_node.service.units import failed_units

APPLY = "Look at `ich-node install-service`, which shows each step; --apply does them."


def about_units() -> Iterator[Complaint]:
    """Nothing where the node was not installed by `install-service`, e.g. in a container."""
    machine = Machine()
    for unit in failed_units(machine):
        yield Complaint(
            sentence=f"systemd says that {unit} has failed.",
            remedy=f"journalctl -u {unit} says why; systemctl restart {unit}",
        )
    if not machine.at(places.UNITS / places.SERVICES[0]).exists():
        return
    wishes = ServiceWishes(
        prefix=Path(sys.prefix), wheel=None, config=None, start=False, replace_edited=False
    )
    for step in plan(machine, wishes).steps:
        found = seen(step)
        if found.state is State.TO_DO:
            detail = f": {found.detail}" if found.detail else ""
            yield Complaint(sentence=f"Not as it should be: {step.what}{detail}.", remedy=APPLY)
        elif found.state is State.LEFT:
            yield Complaint(sentence=f"{step.what}: {found.detail}.")
