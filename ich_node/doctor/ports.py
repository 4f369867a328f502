"""Ports on which another program listens."""

from collections.abc import Iterator

from ich_node.config.config import Config
from ich_node.doctor.complaint import Complaint
from ich_node.processes.running import running_services
from ich_node.service.machine import Machine
from ich_node.service.ports import ports_of, taken


def about_ports(config: Config) -> Iterator[Complaint]:
    """Those of services of ours that run here are theirs. Raises PermissionError."""
    ours = {f"ich-node-{each.name}.service" for each in running_services(config.spool.path)}
    wanted = [port for port in ports_of(config) if port.service not in ours]
    for sentence in taken(Machine(), wanted):
        yield Complaint(sentence=f"{sentence[0].upper()}{sentence[1:]}.")
