"""What the sender asks of every kind of destination."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ich_node.errors import IchNodeError
from ich_node.ledger import Delivery


class NotSent(IchNodeError):
    """The peer did not take the result."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The peer has the result. detail: its warning in words, or nothing.

    transaction_uid: of the storage commitment that decides whether it counts as sent; asked for
    when the line is closed, and to be answered within answer_within. None = taken is sent.
    """

    detail: str = ""
    transaction_uid: str | None = None
    answer_within: timedelta = timedelta(0)


class Line(Protocol):
    """An open connection."""

    def send(self, delivery: Delivery, data: bytes, /) -> Taken:
        """Send one result. data: as it lies in the spool.

        Raises NotSent if the peer refuses this one, PeerUnavailable if it does not answer: then the
        rest of the batch waits, too.
        """


class Outlet(Protocol):
    """A destination that can be sent to."""

    def connect(self, batch: Sequence[Delivery], /) -> AbstractContextManager[Line]:
        """A line for these. Raises PeerUnavailable in words, ConfigError if our own files cannot be
        used.
        """

    def echo(self) -> str:
        """What the peer answers to a question that changes nothing. Raises PeerUnavailable,
        ConfigError.
        """
