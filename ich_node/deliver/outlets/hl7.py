"""Notifications as HL7 v2 ORU^R01. AA or CA about our message means that it was accepted; AE, AR,
CE and CR refuse it, in the peer's own words.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ich_node.config.destinations import Hl7Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.hl7_text import faithful
from ich_node.deliver.outlets.mllp import Mllp, mllp_with
from ich_node.deliver.outlets.oru import control_id, oru_r01
from ich_node.deliver.outlets.outlet import NotSent, Outcome, Sent
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery
from ich_node.notification import decode

ACCEPTED, REFUSED = {"AA", "CA"}, {"AE", "AR", "CE", "CR"}
MOST_QUOTED = 200


@dataclass(frozen=True, kw_only=True)
class Hl7Outlet:
    destination: Hl7Destination
    tls: TlsSettings

    @contextmanager
    def connect(self, _batch: Sequence[Delivery], /) -> Iterator["Hl7Connection"]:
        """See Outlet."""
        with mllp_with(self.destination, self.tls) as mllp:
            yield Hl7Connection(destination=self.destination, mllp=mllp)

    def echo(self) -> str:
        """A connection only: HL7 v2 has no request that changes nothing."""
        with mllp_with(self.destination, self.tls):
            over = " over TLS" if self.destination.tls else ""
        only = "whether it takes our messages, only the first one will tell"
        return f"accepts a connection{over}; {only}"


@dataclass(frozen=True, kw_only=True)
class Hl7Connection:
    destination: Hl7Destination
    mllp: Mllp

    def send(self, _delivery: Delivery, data: bytes, /) -> Outcome:
        """See Connection."""
        notification = decode(data)
        message = oru_r01(notification, self.destination)
        ours = control_id(notification)
        answer = self.mllp.exchange(
            message.text, lambda answer: Acknowledgement.read(answer).control_id == ours
        )
        acknowledgement = Acknowledgement.read(answer)
        code = acknowledgement.code
        if code in ACCEPTED:
            return Sent(warning=message.left_out)
        if code not in REFUSED:
            raise PeerUnavailable("the peer's acknowledgement has no code that HL7 knows")
        words = notification.identifiers.masked_in(acknowledgement.words, spelled=faithful)
        quoted = f" ({words})" if words else ""
        return NotSent(reason=f"the peer refuses the message: {code}{quoted}")


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """MSA and the texts of ERR. Parsed without a grammar: receivers acknowledge in many versions
    and dialects of HL7.
    """

    code: str
    control_id: str
    words: str

    @classmethod
    def read(cls, message: bytes) -> "Acknowledgement":
        """Raises PeerUnavailable if the message is no acknowledgement."""
        text = message.decode(errors="replace").replace("\n", "\r").strip("\r")
        if not text.startswith("MSH") or len(text) < 4:
            raise PeerUnavailable("the peer's answer is not HL7 v2")
        segments = [segment.split(text[3]) for segment in text.split("\r")]
        msa = next((fields for fields in segments if fields[0] == "MSA"), None)
        if msa is None or len(msa) < 3:
            raise PeerUnavailable("the peer's answer has no MSA segment")
        # MSA-3 text; ERR-3 code, ERR-7 diagnostic information, ERR-8 user message (HL7 v2.5.1
        # §2.15.5, §2.15.8)
        said = [
            *msa[3:4],
            *(
                field
                for fields in segments
                if fields[0] == "ERR"
                for field in (*fields[3:4], *fields[7:9])
            ),
        ]
        words = " ".join("; ".join(filter(None, said)).split())
        printable = "".join(character for character in words if character.isprintable())
        return cls(code=msa[1].strip(), control_id=msa[2].strip(), words=printable[:MOST_QUOTED])
