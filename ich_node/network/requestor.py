"""Associations that we open, and why a peer does not accept one, as a sentence.

Beside its documented interface these names of pynetdicom are used here (`override`: a method or
property of a subclass; `set`: an attribute of an instance; `read`: an attribute that is used):

ae.ApplicationEntity
  override  _create_socket         makes the parts below for each association

transport.AssociationSocket
  override  _create_socket         switches Nagle's algorithm off
  override  _shutdown_socket       closes a socket that is not connected, too
  override  ready                  a TLS session ticket is no data
  override  recv                   returns what `ready` had to read first
  set       tls_args               as upstream's _create_socket does
  read      socket                 its TLS layer is asked for data

dimse.DIMSEServiceProvider
  override  get_msg                leaves a response to the thread that waits for it
  read      assoc                  for its checkpoint

association.Association
  set       _reactor_checkpoint    LockedCheckpoint
  set       dimse                  RequestorDimse
  read      acceptor               its primitive

association.ServiceUser
  read      primitive              the A-ASSOCIATE response: the reason of a rejection

tests/network/test_pynetdicom_contract.py checks that each name exists, that the list is complete,
and that each override is called.
"""

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.uid import UID, RLELossless
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation, AssociationSocket
from typing_extensions import override

from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import TlsSettings
from ich_node.dicom.transfer_syntaxes import SENT_COMPRESSED
from ich_node.errors import PeerUnavailable
from ich_node.network.entity import application_entity
from ich_node.network.tls import ClientSocket, client_context, explained

TLS_OFF = TlsSettings()
CONNECT_SECONDS = 5.0
ACSE_SECONDS = 10.0
DIMSE_SECONDS = 60.0

# (source, reason) of PS3.8 table 9-21. {calling} and {called} are AE titles.
REJECTIONS = {
    (1, 1): "the peer rejects the association without a reason",
    (1, 2): "the peer does not support our application context",
    (1, 3): "the peer rejects our calling AE title '{calling}': its administrator must add it",
    (1, 7): (
        "the peer does not know the called AE title '{called}':"
        " correct ae_title of this destination"
    ),
    (2, 1): "the peer's ACSE provider rejects the association without a reason",
    (2, 2): "the peer does not support our protocol version",
    (3, 1): "the peer is congested for the moment",
    (3, 2): "the peer's limit of associations is reached",
}


class RequestorTransport(AssociationSocket):
    """The socket of an association that we open.

    Upstream does not close a socket whose shutdown fails, as it does when the socket is not
    connected, or no more. It leaves Nagle's algorithm on, so that the last segment of each message
    waits up to 40 ms until the peer acknowledges the one before. And it takes a TLS session ticket
    for data: it then waits for the peer's next PDU while it should send.
    """

    _read_ahead = b""

    @override
    def _create_socket(self, address: AddressInformation) -> socket.socket:
        connection = super()._create_socket(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @property
    @override
    def ready(self) -> bool:
        """Whether there is data to read, not only records of the TLS layer."""
        if not super().ready:
            return False
        if not isinstance(self.socket, ClientSocket) or self._read_ahead:
            return True
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            self._read_ahead = self.socket.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True  # recv raises it again, and ends the association
        finally:
            self.socket.settimeout(timeout)
        return True

    @override
    def recv(self, nr_bytes: int) -> bytearray:
        """What was read ahead comes first."""
        ahead, self._read_ahead = self._read_ahead[:nr_bytes], self._read_ahead[nr_bytes:]
        return bytearray(ahead) + super().recv(nr_bytes - len(ahead))

    @override
    def _shutdown_socket(self) -> None:
        connection = self.socket
        super()._shutdown_socket()
        if connection is not None:
            connection.close()


class LockedCheckpoint(threading.Event):
    """Upstream's association thread is held here while another thread waits for a response."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.set()

    @override
    def clear(self) -> None:
        """From now on the association's thread takes no message from the queue."""
        with self.lock:
            super().clear()


class RequestorDimse(DIMSEServiceProvider):
    """Gives a response to the thread that waits for it.

    Upstream's association thread looks for requests of the peer: it passes its checkpoint, then
    takes whatever message is in the queue. If it pauses in between, that message may be the
    response to a request sent meanwhile. It drops the response, and the sender waits until its
    timeout. The faster a peer answers, the more often this happens.
    """

    @override
    def get_msg(self, block: bool = False) -> Any:
        """Called without block by the association's thread, with block by the one that waits."""
        if block:
            return super().get_msg(block=True)
        checkpoint = self.assoc._reactor_checkpoint
        assert isinstance(checkpoint, LockedCheckpoint)
        with checkpoint.lock:
            return super().get_msg() if checkpoint.is_set() else (None, None)


class Requestor(AE):
    """An AE whose associations use the classes above."""

    @override
    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: Any
    ) -> AssociationSocket:
        assoc._reactor_checkpoint = LockedCheckpoint()
        assoc.dimse = RequestorDimse(assoc)
        transport = RequestorTransport(assoc, address=address)
        transport.tls_args = tls_args
        return transport


@contextmanager
def association_with(
    destination: DicomDestination,
    *,
    calling_ae: str,
    sop_classes: Iterable[str],
    transfer_syntaxes: Sequence[UID],
    tls: TlsSettings,
    handlers: Sequence[EventHandlerType] = (),
) -> Iterator[Association]:
    """An established association, over TLS if the destination has tls; released at the end, or
    aborted after an exception.

    Raises PeerUnavailable with a sentence, ConfigError if the certificates cannot be used.
    """
    entity = application_entity(calling_ae, Requestor)
    entity.connection_timeout = CONNECT_SECONDS
    entity.acse_timeout = ACSE_SECONDS
    entity.dimse_timeout = DIMSE_SECONDS
    entity.network_timeout = DIMSE_SECONDS
    for sop_class in sop_classes:
        entity.add_requested_context(sop_class, list(transfer_syntaxes))
        if sop_class in SENT_COMPRESSED:
            entity.add_requested_context(sop_class, RLELossless)
    secure = client_context(tls) if destination.tls else None
    connected: list[Event] = []
    try:
        association = entity.associate(
            destination.host,
            destination.port,
            ae_title=destination.ae_title,
            evt_handlers=[(evt.EVT_CONN_OPEN, connected.append), *handlers],
            tls_args=(secure, destination.tls_name or destination.host) if secure else None,
        )
    except OSError as error:
        raise PeerUnavailable(
            f"the host name '{destination.host}' cannot be resolved: {error.strerror}"
        ) from error
    if secure is not None and secure.failure is not None:
        raise PeerUnavailable(
            f"TLS with {destination.host}:{destination.port} fails: {explained(secure.failure)}"
        )
    if not association.is_established:
        raise PeerUnavailable(
            _why_not(association, destination, calling_ae=calling_ae, is_connected=bool(connected))
        )
    try:
        yield association
    except BaseException:
        association.abort()
        raise
    association.release()


def _why_not(
    association: Association, destination: DicomDestination, *, calling_ae: str, is_connected: bool
) -> str:
    if not is_connected:
        return (
            f"nothing answers at {destination.host}:{destination.port}"
            " (wrong address, service down, or a firewall)"
        )
    answer: A_ASSOCIATE | None = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        reason = (answer.result_source or 0, answer.diagnostic or 0)
        sentence = REJECTIONS.get(
            reason, "the peer rejects the association for a reason unknown to us"
        ).format(calling=calling_ae, called=destination.ae_title)
        duration = "transient" if answer.result == 2 else "permanent"
        return (
            f"{sentence} ({duration}; result {answer.result}, source {answer.result_source},"
            f" reason {answer.diagnostic})"
        )
    if answer is not None and answer.result == 0:
        refused = ", ".join(
            context.abstract_syntax.name
            for context in association.rejected_contexts
            if context.abstract_syntax
        )
        return f"the peer accepts the association but none of what we propose: {refused}"
    if association.is_aborted:
        return "the peer aborted the association, or did not answer the request for one in time"
    return "the peer closed the connection without an answer"
