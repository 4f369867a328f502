"""Test the connection to a destination with its own protocol; describe the answer in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ich_node.config.destinations import Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets import open_outlet
from ich_node.deliver.outlets.outlet import Outlet
from ich_node.deliver.outlets.webhook import WebhookOutlet
from ich_node.errors import PeerUnavailable
from ich_node.network.requestor import TLS_OFF


@dataclass(frozen=True, kw_only=True)
class EchoResult:
    """ok: the peer answered as it should. peer: its name and address. detail: what it answered, or
    why it did not.
    """

    ok: bool
    peer: str
    detail: str

    @property
    def words(self) -> str:
        """One sentence for the person at the terminal."""
        return f"{self.peer}: {self.detail}"


def echo(destination: Destination, calling_ae: str, tls: TlsSettings = TLS_OFF) -> EchoResult:
    """C-ECHO for DICOM, a query for STOW-RS, a signed ping for a webhook, a connection for HL7.
    Raises ConfigError.
    """
    outlet = _outlet(destination, calling_ae, tls)
    return _asked(destination, outlet.echo)


def look(destination: Destination, calling_ae: str, tls: TlsSettings = TLS_OFF) -> EchoResult:
    """The same for who asks again and again: a webhook is only connected to. Raises ConfigError."""
    outlet = _outlet(destination, calling_ae, tls)
    return _asked(destination, outlet.look if isinstance(outlet, WebhookOutlet) else outlet.echo)


def _outlet(destination: Destination, calling_ae: str, tls: TlsSettings) -> Outlet:
    return open_outlet(destination, ae_title=calling_ae, tls=tls, clock=lambda: datetime.now(UTC))


def _asked(destination: Destination, question: Callable[[], str]) -> EchoResult:
    peer = f"{destination.name} ({destination.address})"
    try:
        return EchoResult(ok=True, peer=peer, detail=question())
    except PeerUnavailable as error:
        return EchoResult(ok=False, peer=peer, detail=error.detail)
