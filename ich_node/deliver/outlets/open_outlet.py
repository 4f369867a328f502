"""The outlet for a kind of destination."""

from collections.abc import Callable
from datetime import datetime

from ich_node.config.destinations import (
    Destination,
    DicomDestination,
    Hl7Destination,
    StowDestination,
    WebhookDestination,
)
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.commitment_user import CommitmentRequests
from ich_node.deliver.outlets.dicom import DicomOutlet
from ich_node.deliver.outlets.hl7 import Hl7Outlet
from ich_node.deliver.outlets.outlet import Outlet
from ich_node.deliver.outlets.stow import StowOutlet
from ich_node.deliver.outlets.webhook import WebhookOutlet


def open_outlet(
    destination: Destination,
    *,
    ae_title: str,
    tls: TlsSettings,
    clock: Callable[[], datetime],
    commitments: CommitmentRequests | None = None,
) -> Outlet:
    """ae_title: our calling AE title, unless the destination has its own. commitments: requests
    storage commitment; not needed for an echo.
    """
    match destination:
        case DicomDestination():
            calling_ae = destination.calling_ae_title or ae_title
            return DicomOutlet(
                destination=destination, calling_ae=calling_ae, tls=tls, commitments=commitments
            )
        case StowDestination():
            return StowOutlet(destination=destination, tls=tls)
        case Hl7Destination():
            return Hl7Outlet(destination=destination, tls=tls)
        case WebhookDestination():
            return WebhookOutlet(destination=destination, tls=tls, clock=clock)
