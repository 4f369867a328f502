"""C-ECHO a destination, and say in words what it answers."""

from dataclasses import dataclass

from ich_node.config import Destination, TlsSettings
from ich_node.errors import PeerUnavailable
from ich_node.peers import TLS_OFF, association_with
from ich_node.transfer_syntaxes import SENT_TRANSFER_SYNTAXES

VERIFICATION = "1.2.840.10008.1.1"


@dataclass(frozen=True, kw_only=True)
class EchoResult:
    """ok: the peer answered 0x0000. words: one sentence for whoever asked."""

    ok: bool
    words: str


def echo(destination: Destination, calling_ae: str, tls: TlsSettings = TLS_OFF) -> EchoResult:
    """One association, one C-ECHO."""
    peer = f"{destination.name} ({destination.ae_title} at {destination.host}:{destination.port})"
    try:
        with association_with(destination, calling_ae, [VERIFICATION], SENT_TRANSFER_SYNTAXES, tls) as association:
            answer = association.send_c_echo()
    except PeerUnavailable as error:
        return EchoResult(ok=False, words=f"{peer}: {error.detail}")
    if "Status" not in answer:
        return EchoResult(ok=False, words=f"{peer}: accepts our association but does not answer C-ECHO")
    if answer.Status != 0x0000:
        return EchoResult(ok=False, words=f"{peer}: answers C-ECHO with status 0x{answer.Status:04X}")
    return EchoResult(ok=True, words=f"{peer}: answers C-ECHO to '{calling_ae}'")
