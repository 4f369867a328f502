"""Which associations are admitted. Deny by default: the called AE title must be one of ours, the
calling AE title and its address must be those of one of [[sources]]. Then the limits of the node
and of each source hold.
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
from ich_node.network.rate_limit import RateLimit

# Of one address. Further rejections are transient, and are not logged.
REJECTIONS_PER_MINUTE = 60
UNKNOWN = "unknown"


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
    DRAINED = ((2, 3, 1), "the node takes nothing new until `ich-node resume`")
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
    """What an A-ASSOCIATE-RQ says about its sender, the address it came from, and the subject of
    the peer's certificate (None without TLS).
    """

    calling_ae: str
    called_ae: str
    address: str
    certificate_subject: str | None = None

    @classmethod
    def of(cls, request: bytes, address: str, certificate_subject: str | None) -> "Caller":
        """From the bytes of the A-ASSOCIATE-RQ, in which both AE titles have fixed places (PS3.8
        table 9-11).
        """
        called_ae, calling_ae = (request[at : at + 16].decode("latin-1").strip() for at in (10, 26))
        return cls(
            calling_ae=calling_ae,
            called_ae=called_ae,
            address=address,
            certificate_subject=certificate_subject,
        )


@dataclass(eq=False, kw_only=True)
class Place:
    """One of the associations that may be open at the same time: reserved when the association is
    admitted, given back when it ends.

    association: None until it has started.
    """

    source: Source
    association: Association | None = None

    @property
    def is_taken(self) -> bool:
        """An association whose thread has ended takes no place, however it ended."""
        return self.association is None or self.association.is_alive()


class Admission:
    """Decides about each association request, once, and counts the open associations."""

    def __init__(
        self,
        *,
        scp: ScpSettings,
        sources: Sequence[Source],
        clock: Callable[[], datetime],
        label_ae: str | None = None,
    ) -> None:
        """label_ae: the AE title that takes the selections of readers."""
        self._titles = [scp.ae_title, *([label_ae] if label_ae else [])]
        self._scp = scp
        self._sources = sources
        self._clock = clock
        self._rates = RateLimit()
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def use(self, sources: Sequence[Source]) -> None:
        """From the next request on."""
        self._sources = sources

    @property
    def open_associations(self) -> int:
        with self._lock:
            return sum(place.is_taken for place in self._places)

    def admit(self, caller: Caller, *, drained: bool = False) -> Place | Rejection:
        """Reserve a place for the caller's association, or say which rule rejects it.

        drained: nothing new is taken.
        """
        identified = identify(caller, self._titles, self._sources)
        now = self._clock()
        with self._lock:
            if isinstance(identified, Rejection):
                is_logged = self._rates.allow(
                    f"address {caller.address}", per_minute=REJECTIONS_PER_MINUTE, now=now
                )
                return identified if is_logged else Rejection.STRANGER_TOO_OFTEN
            per_minute = identified.associations_per_minute
            if not self._rates.allow(f"source {identified.name}", per_minute=per_minute, now=now):
                return Rejection.TOO_OFTEN
            if drained:
                return Rejection.DRAINED
            return self._reserve(identified)

    def _reserve(self, source: Source) -> Place | Rejection:
        self._places = {place for place in self._places if place.is_taken}
        if len(self._places) >= self._scp.max_associations:
            return Rejection.TOO_MANY
        of_source = sum(place.source.name == source.name for place in self._places)
        if source.max_associations is not None and of_source >= source.max_associations:
            return Rejection.TOO_MANY_OF_SOURCE
        place = Place(source=source)
        self._places.add(place)
        return place

    def give_back(self, place: Place) -> bool:
        """False if it was given back before."""
        with self._lock:
            if place not in self._places:
                return False
            self._places.remove(place)
            return True


def identify(
    caller: Caller, own_titles: Iterable[str], sources: Iterable[Source]
) -> Source | Rejection:
    """The source that the caller is, or the rule that rejects it. AE titles are compared without
    padding and with their case.
    """
    if caller.called_ae.strip() not in {title.strip() for title in own_titles}:
        return Rejection.CALLED_AE
    known = [source for source in sources if source.ae_title.strip() == caller.calling_ae.strip()]
    if not known:
        return Rejection.CALLING_AE
    here = [source for source in known if not source.hosts or _is_in(caller.address, source.hosts)]
    if not here:
        return Rejection.HOST
    for source in here:
        if source.certificate_subject in (None, caller.certificate_subject):
            return source
    return Rejection.CERTIFICATE


def named_by(caller: Caller, sources: Iterable[Source]) -> str:
    """The name of the source with the caller's AE title, whoever he is; "unknown" without one."""
    title = caller.calling_ae.strip()
    return next((each.name for each in sources if each.ae_title.strip() == title), UNKNOWN)


def _is_in(address: str, networks: Iterable[str]) -> bool:
    ip = ipaddress.ip_address(address)
    # A listener on "::" sees IPv4 peers as ::ffff:a.b.c.d.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
