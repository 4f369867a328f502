"""What the sender asks of every kind of destination."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ich_node.ledger import Delivery


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The destination has the result. warning: its words, if it gave one."""

    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class AwaitsCommitment:
    """The destination has the result, and has still to confirm that it keeps it.

    transaction_uid: of the storage commitment, which is requested when the connection is closed;
    answer_within: how long the destination has to answer it.
    """

    transaction_uid: str
    answer_within: timedelta
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class NotSent:
    """This result was not accepted; the next one may be."""

    reason: str


ALREADY_THERE = "already there"  # the beginning of the warning of a result that is a duplicate

Outcome = Sent | AwaitsCommitment | NotSent


class Connection(Protocol):
    """An open connection to a destination."""

    def send(self, delivery: Delivery, data: bytes, /) -> Outcome:
        """Send one result. data: the file as it is in the spool.

        Raises PeerUnavailable if the peer does not answer: the rest of the batch must wait, too.
        Raises NotANotification if the data should be one and is not.
        """


class Outlet(Protocol):
    """A way to one destination."""

    def connect(self, batch: Sequence[Delivery], /) -> AbstractContextManager[Connection]:
        """A connection for these deliveries. Raises PeerUnavailable with the reason in words,
        ConfigError if our own files (certificates, secrets) cannot be used.
        """

    def echo(self) -> str:
        """What the peer answers to a request that changes nothing. Raises PeerUnavailable,
        ConfigError.
        """
