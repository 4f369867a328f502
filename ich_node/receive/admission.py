"""Who may come in: the called AE must be ours, the calling AE and its address must be one of
[[sources]]. Deny by default.

Then how many, and how often: the limits of the node and of each source.
"""

import ipaddress
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pynetdicom.association import Association

from ich_node.config.settings import ScpSettings, Source
from ich_node.receive.rate_limit import Rates

# Of one address. Who is rejected more often is told to come later, and is no more in the log.
REJECTIONS_PER_MINUTE = 60


class Rejection(Enum):
    """Why an association is rejected: (result, source, reason) of PS3.8 table 9-21, and the rule
    that the log names.
    """

    CALLED_AE = ((1, 1, 7), "the called AE title is not ours")
    CALLING_AE = ((1, 1, 3), "no [[sources]] entry has this calling AE title")
    HOST = (
        (1, 1, 3),
        "the hosts of the [[sources]] entry for this AE title do not include this address",
    )
    CERTIFICATE = (
        (1, 1, 3),
        "the [[sources]] entry for this AE title asks for TLS with another certificate_subject",
    )
    TOO_MANY = ((2, 3, 2), "[scp] max_associations are open")
    TOO_MANY_OF_SOURCE = ((2, 3, 2), "max_associations of its [[sources]] entry are open")
    TOO_OFTEN = ((2, 3, 1), "associations_per_minute of its [[sources]] entry are used up")
    STRANGER_TOO_OFTEN = ((2, 3, 1), "this address was rejected too often in the last minute")

    @property
    def answer(self) -> tuple[int, int, int]:
        return self.value[0]

    @property
    def rule(self) -> str:
        return self.value[1]

    @property
    def pdu(self) -> bytes:
        """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
        return struct.pack(">BBLBBBB", 0x03, 0, 4, 0, *self.answer)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """What an A-ASSOCIATE-RQ says about its sender, where it came from, and what its certificate
    says (None: no TLS).
    """

    calling_ae: str
    called_ae: str
    address: str
    certificate_subject: str | None = None

    @classmethod
    def of(cls, request: bytes, address: str, certificate_subject: str | None) -> "Caller":
        """From the bytes of the A-ASSOCIATE-RQ (PS3.8 table 9-11): both titles stand at fixed
        places.
        """
        called_ae, calling_ae = (request[at : at + 16].decode("latin-1").strip() for at in (10, 26))
        return cls(
            calling_ae=calling_ae,
            called_ae=called_ae,
            address=address,
            certificate_subject=certificate_subject,
        )


class Admission:
    """Which associations are admitted, and as which source."""

    def __init__(
        self, scp: ScpSettings, sources: Sequence[Source], clock: Callable[[], datetime]
    ) -> None:
        self._scp = scp
        self._sources = sources
        self._clock = clock
        self._rates = Rates()
        self._admitted: dict[Association, Source] = {}
        self._lock = threading.Lock()

    def identify(self, caller: Caller) -> Source | Rejection:
        """The source that asks, or which rule keeps it out. To be asked once for each request,
        before it costs anything.
        """
        verdict = admit(caller, self._scp.ae_title, self._sources)
        now = self._clock()
        with self._lock:
            if isinstance(verdict, Rejection):
                may_ask = self._rates.allow(
                    f"address {caller.address}", per_minute=REJECTIONS_PER_MINUTE, now=now
                )
                return verdict if may_ask else Rejection.STRANGER_TOO_OFTEN
            per_minute = verdict.associations_per_minute
            if not self._rates.allow(f"source {verdict.name}", per_minute=per_minute, now=now):
                return Rejection.TOO_OFTEN
            return self._no_place(verdict) or verdict

    def admit(self, association: Association, source: Source) -> Rejection | None:
        """Give it a place, or say which limit keeps it out."""
        with self._lock:
            if (limit := self._no_place(source)) is not None:
                return limit
            self._admitted[association] = source
        return None

    def _no_place(self, source: Source) -> Rejection | None:
        self._admitted = {
            other: whose for other, whose in self._admitted.items() if other.is_alive()
        }
        if len(self._admitted) >= self._scp.max_associations:
            return Rejection.TOO_MANY
        open_here = sum(other.name == source.name for other in self._admitted.values())
        if source.max_associations is not None and open_here >= source.max_associations:
            return Rejection.TOO_MANY_OF_SOURCE
        return None

    def source_of(self, association: Association) -> Source | None:
        """None if it was never admitted, or has ended."""
        return self._admitted.get(association)

    def end(self, association: Association) -> Source | None:
        """Its place is free again."""
        with self._lock:
            return self._admitted.pop(association, None)


def admit(caller: Caller, own_ae: str, sources: Iterable[Source]) -> Source | Rejection:
    """The source that this caller is, or the rule that keeps it out. AE titles are compared without
    padding, case counts.
    """
    if caller.called_ae.strip() != own_ae.strip():
        return Rejection.CALLED_AE
    known = [source for source in sources if source.ae_title.strip() == caller.calling_ae.strip()]
    if not known:
        return Rejection.CALLING_AE
    here = [source for source in known if not source.hosts or _is_in(caller.address, source.hosts)]
    if not here:
        return Rejection.HOST
    proven = [
        source
        for source in here
        if source.certificate_subject in (None, caller.certificate_subject)
    ]
    return proven[0] if proven else Rejection.CERTIFICATE


def _is_in(address: str, networks: Iterable[str]) -> bool:
    ip = ipaddress.ip_address(address)
    # A listener on "::" sees IPv4 peers as ::ffff:a.b.c.d.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
