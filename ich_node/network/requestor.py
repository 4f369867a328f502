"""An association with another AE, as the requestor; and in words why there is none."""

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
    (
        1,
        7,
    ): "the peer does not know the called AE title '{called}': correct ae_title of this destination",
    (2, 1): "the peer's ACSE provider rejects the association without a reason",
    (2, 2): "the peer does not support our protocol version",
    (3, 1): "the peer is congested for the moment",
    (3, 2): "the peer's limit of associations is reached",
}


class Transport(AssociationSocket):
    """pynetdicom does not close a socket whose shutdown fails, i.e. one that is not, or no more,
    connected.

    It leaves Nagle's algorithm on: the last piece of each message waits until the peer confirms the
    one before, up to 40 ms.

    And it takes a TLS session ticket for the peer's answer, and waits for the rest before it says
    what it has to say.
    """

    _ahead = b""

    def _create_socket(self, address: AddressInformation) -> socket.socket:
        connection: socket.socket = super()._create_socket(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @property
    def ready(self) -> bool:
        """Whether there is something to read for us, not only for the TLS layer."""
        if not super().ready:
            return False
        if not isinstance(self.socket, ClientSocket) or self._ahead:
            return True
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            self._ahead = self.socket.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True  # recv meets it again, and ends the association
        finally:
            self.socket.settimeout(timeout)
        return True

    def recv(self, nr_bytes: int) -> bytearray:
        """What was read ahead comes first."""
        ahead, self._ahead = self._ahead[:nr_bytes], self._ahead[nr_bytes:]
        return bytearray(ahead) + super().recv(nr_bytes - len(ahead))

    def _shutdown_socket(self) -> None:
        connection = self.socket
        super()._shutdown_socket()
        if connection is not None:
            connection.close()


class Checkpoint(threading.Event):
    """Where upstream's association thread is held while another one waits for an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.set()

    def clear(self) -> None:
        """From here on that thread takes no message."""
        with self.lock:
            super().clear()


class PatientDimse(DIMSEServiceProvider):
    """Gives an answer to whoever waits for it.

    Upstream's association thread, which looks for requests of the peer, passes its checkpoint and
    then takes whatever message is there. If it stands still in between, that is the answer to what
    was sent meanwhile: it drops it, and the sender waits in vain until its time limit. The faster a
    peer answers, the likelier.
    """

    def get_msg(self, block: bool = False) -> Any:
        """Called by that thread without block, with block by the one that waits."""
        if block:
            return super().get_msg(block=True)
        checkpoint = self.assoc._reactor_checkpoint
        assert isinstance(checkpoint, Checkpoint)
        with checkpoint.lock:
            return super().get_msg() if checkpoint.is_set() else (None, None)


class Requestor(AE):
    """An AE whose associations use Transport and PatientDimse."""

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: Any
    ) -> AssociationSocket:
        assoc._reactor_checkpoint = Checkpoint()
        assoc.dimse = PatientDimse(assoc)
        transport = Transport(assoc, address=address)
        transport.tls_args = tls_args
        return transport


@contextmanager
def association_with(
    destination: DicomDestination,
    calling_ae: str,
    sop_classes: Iterable[str],
    transfer_syntaxes: Sequence[UID],
    tls: TlsSettings,
    handlers: Sequence[EventHandlerType] = (),
) -> Iterator[Association]:
    """An established association, over TLS if the destination asks for it; released at the end
    (aborted after an exception).

    Raises PeerUnavailable with the reason in words, ConfigError if the certificates cannot be used.
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
            _why_not(association, destination, calling_ae, is_connected=bool(connected))
        )
    try:
        yield association
    except BaseException:
        association.abort()
        raise
    association.release()


def _why_not(
    association: Association, destination: DicomDestination, calling_ae: str, *, is_connected: bool
) -> str:
    if not is_connected:
        return f"nothing answers at {destination.host}:{destination.port} (wrong address, service down, or a firewall)"
    answer: A_ASSOCIATE | None = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        reason = (answer.result_source or 0, answer.diagnostic or 0)
        words = REJECTIONS.get(
            reason, "the peer rejects the association for a reason unknown to us"
        )
        duration = "transient" if answer.result == 2 else "permanent"
        numbers = f"({duration}; result {answer.result}, source {answer.result_source}, reason {answer.diagnostic})"
        return f"{words.format(calling=calling_ae, called=destination.ae_title)} {numbers}"
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
