"""Who listens on this machine's TCP ports, by /proc/net/tcp."""

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node.config.config import Config
from ich_node.service.machine import Machine

LISTENS = "0A"  # TCP_LISTEN in include/net/tcp_states.h of Linux


@dataclass(frozen=True, kw_only=True)
class Port:
    """setting: as config.toml has it. service: who listens. is_for_peers: they must reach it."""

    setting: str
    service: str
    address: str
    number: int

    @property
    def is_for_peers(self) -> bool:
        return not _number(self.address).is_loopback


@dataclass(frozen=True, kw_only=True)
class Listening:
    """One that listens. inode: by which its process is found."""

    address: str
    number: int
    inode: str


def ports_of(config: Config) -> list[Port]:
    scp, tls, web = config.scp, config.tls, config.web
    open_ = [("[scp] port", "receive", scp.bind_address, scp.port)]
    if tls.is_on:
        secure = ("[tls] port", "receive", scp.bind_address, tls.port)
        open_ = [secure] if tls.required else [*open_, secure]
    if web.enabled:
        open_.append(("[web] port", "web", web.bind_address, web.port))
    return [
        Port(setting=setting, service=f"ich-node-{service}.service", address=address, number=number)
        for setting, service, address, number in open_
    ]


def taken(machine: Machine, ports: list[Port]) -> list[str]:
    """One sentence for each port that somebody else has."""
    listening = list(_listening(machine))
    return [
        f"{port.setting} {port.number} is taken by {_owner(machine, there.inode)}: choose another"
        " port, or stop that program"
        for port in ports
        for there in listening
        if there.number == port.number and _overlap(there.address, port.address)
    ]


def _overlap(one: str, other: str) -> bool:
    some, others = _number(one), _number(other)
    return some == others or some.is_unspecified or others.is_unspecified


def _number(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Of a name that nobody knows: any, which is the careful answer."""
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        try:
            return ipaddress.ip_address(socket.gethostbyname(address))
        except OSError:
            return ipaddress.IPv4Address(0)


def _listening(machine: Machine) -> Iterator[Listening]:
    for name in ("tcp", "tcp6"):
        table = machine.at(Path("/proc/net")) / name
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS:
                address, _, number = fields[1].partition(":")
                yield Listening(address=_address(address), number=int(number, 16), inode=fields[9])


def _address(written: str) -> str:
    """Words of 32 bits in the byte order of the machine, as hexadecimal."""
    words = [int(written[at : at + 8], 16) for at in range(0, len(written), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def _owner(machine: Machine, inode: str) -> str:
    """Only root sees those of others."""
    for folder in machine.at(Path("/proc")).glob("[0-9]*"):
        try:
            for descriptor in (folder / "fd").iterdir():
                if os.readlink(descriptor) == f"socket:[{inode}]":
                    return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
        except (PermissionError, FileNotFoundError):  # another's, or it has just ended
            continue
    return "another program (`ss -ltnp` as root names it)"
