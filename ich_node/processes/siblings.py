"""Several receivers on one port ([scp] processes): their parent listens, all of them accept, and
who has least to do goes first.

With a socket for each of them (SO_REUSEPORT) the kernel would go by the addresses: of four senders
all came to one of two receivers now and then, and what waited for one that died was lost. Here the
queue is their parent's, and stays.
"""

import mmap
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from typing_extensions import override

from ich_node.errors import ConfigError

BACKLOG = 1_024
COUNTER_BYTES = 8


def listen(address: str, port: int) -> socket.socket:
    """A socket for all of them. Raises ConfigError if the port cannot be had."""
    listening = socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM
    )
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {address}:{port}: {error.strerror or error}"
        ) from error
    return listening


@dataclass(frozen=True, kw_only=True)
class Inheritance:
    """What a receiver has from its parent: descriptors of listening sockets and of the shared
    memory, and its place in that.
    """

    place: int
    memory: int
    listening: tuple[int, ...]

    @override
    def __str__(self) -> str:
        """For the command line of the receiver."""
        return ",".join(map(str, (self.place, self.memory, *self.listening)))

    @classmethod
    def parse(cls, text: str) -> Self:
        place, memory, *listening = map(int, text.split(","))
        return cls(place=place, memory=memory, listening=tuple(listening))


def shared_memory(count: int) -> int:
    """A descriptor of room for the counters of so many receivers."""
    descriptor = os.memfd_create("ich-node-siblings")
    os.ftruncate(descriptor, COUNTER_BYTES * count)
    return descriptor


class Siblings:
    """How many connections each of them has."""

    def __init__(self, memory: int, place: int) -> None:
        self._counters = memoryview(mmap.mmap(memory, 0)).cast("Q")
        self._place = place

    def have_fewer(self, connections: int) -> bool:
        """Whether one of the others has fewer than we, who have so many. One that died lately may
        seem to.
        """
        self._counters[self._place] = connections
        return connections > min(self._others(), default=connections)

    def _others(self) -> Iterable[int]:
        return (count for place, count in enumerate(self._counters) if place != self._place)
