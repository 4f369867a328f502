"""Replaces the service providers of a new association: DIMSE, upper layer (DUL) and transport."""

from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from ich_node.config.settings import ScpSettings
from ich_node.network.acceptor.messages import BoundedDimse
from ich_node.network.acceptor.reactor import Reactor
from ich_node.network.acceptor.service import AssociationService
from ich_node.network.acceptor.transfer_syntaxes import prefer_as_proposed
from ich_node.network.acceptor.transport import BoundedTransport


def replace_providers(
    association: Association, *, service: AssociationService, received: bytes, scp: ScpSettings
) -> None:
    """Before the association's threads start.

    received: the A-ASSOCIATE-RQ, which was read from the connection already.
    """
    transport = association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    dimse = BoundedDimse(association, service=service, patience_seconds=scp.dimse_timeout_seconds)
    association.dimse = dimse
    association.dul = Reactor(association, dimse=dimse)
    association.dul.socket = BoundedTransport(
        association,
        connection=transport.socket,
        received=received,
        max_pdu_bytes=scp.max_pdu_bytes,
        patience_seconds=scp.dimse_timeout_seconds,
    )
    # The timeouts are those of the upper layer's timers, which are new.
    association.acse_timeout = scp.acse_timeout_seconds
    association.network_timeout = scp.idle_timeout_seconds
    association.bind(evt.EVT_REQUESTED, prefer_as_proposed)
    association.bind(evt.EVT_CONN_CLOSE, _on_connection_closed)
    for handler in service.event_handlers():
        association.bind(*handler)


def _on_connection_closed(event: Event) -> None:
    """EVT_CONN_CLOSE: end the association's thread if the request could not be decoded.

    It waits in `run_reactor` for the A-ASSOCIATE primitive; None is what it gets there after
    acse_timeout_seconds.
    """
    if event.assoc.requestor.primitive is None:
        primitives: Any = event.assoc.dul.to_user_queue  # upstream types it without the None
        primitives.put(None)
