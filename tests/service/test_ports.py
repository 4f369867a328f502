"""Ports that another program has."""

import os
import socket
from pathlib import Path

import pytest

from ich_node.config.config import Config
from ich_node.service.machine import Machine
from ich_node.service.ports import Port, ports_of, taken


def port(number: int, address: str = "127.0.0.1") -> Port:
    return Port(setting="[scp] port", service="x", address=address, number=number)


def test_a_taken_port_is_named_with_its_program() -> None:
    """IPv4 and IPv6; an address that is not ours is no obstacle."""
    machine = Machine(root=Path("/"))
    with socket.socket() as listening, socket.socket(socket.AF_INET6) as other:
        listening.bind(("127.0.0.1", 0))
        other.bind(("::1", 0))
        number = listening.getsockname()[1]
        assert taken(machine, [port(number)]) == []  # bound, and nobody listens
        listening.listen()
        other.listen()
        (sentence,) = taken(machine, [port(number), port(number, "127.0.0.2")])
        assert sentence.startswith(f"[scp] port {number} is taken by ")
        assert f"(process {os.getpid()})" in sentence
        assert len(taken(machine, [port(number, "0.0.0.0")])) == 1
        assert len(taken(machine, [port(other.getsockname()[1], "::1")])) == 1


def test_the_ports_of_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of peers must be open in a firewall; the site is on loopback."""
    monkeypatch.delenv("ICHNODE__WEB__ENABLED", raising=False)
    ports = ports_of(Config())
    assert [(each.setting, each.number, each.is_for_peers) for each in ports] == [
        ("[scp] port", 11112, True),
        ("[web] port", 8104, False),
    ]
