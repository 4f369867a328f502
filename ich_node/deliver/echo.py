"""Test the connection to a destination with its own protocol; describe the answer in words."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ich_node.config.destinations import Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets import open_outlet
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
    outlet = open_outlet(destination, ae_title=calling_ae, tls=tls, clock=lambda: datetime.now(UTC))
    peer = f"{destination.name} ({destination.address})"
    try:
        return EchoResult(ok=True, peer=peer, detail=outlet.echo())
    except PeerUnavailable as error:
        return EchoResult(ok=False, peer=peer, detail=error.detail)
