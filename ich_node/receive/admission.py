"""Who may come in: the called AE must be ours, the calling AE and its address must be one of [[sources]]. Deny by default."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ich_node.config import Source


class Rejection(Enum):
    """Why an association is rejected: (result, source, reason) of PS3.8 table 9-21, and the rule that the log names."""

    CALLED_AE = ((1, 1, 7), "the called AE title is not ours")
    CALLING_AE = ((1, 1, 3), "no [[sources]] entry has this calling AE title")
    HOST = ((1, 1, 3), "the hosts of the [[sources]] entry for this AE title do not include this address")
    CERTIFICATE = ((1, 1, 3), "the [[sources]] entry for this AE title asks for TLS with another certificate_subject")
    TOO_MANY = ((2, 3, 2), "[scp] max_associations are open")

    @property
    def answer(self) -> tuple[int, int, int]:
        return self.value[0]

    @property
    def rule(self) -> str:
        return self.value[1]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """What an A-ASSOCIATE-RQ says about its sender, where it came from, and what its certificate says (None: no TLS)."""

    calling_ae: str
    called_ae: str
    address: str
    certificate_subject: str | None = None


def admit(caller: Caller, own_ae: str, sources: Iterable[Source]) -> Source | Rejection:
    """The source that this caller is, or the rule that keeps it out. AE titles are compared without padding, case counts."""
    if caller.called_ae.strip() != own_ae.strip():
        return Rejection.CALLED_AE
    known = [source for source in sources if source.ae_title.strip() == caller.calling_ae.strip()]
    if not known:
        return Rejection.CALLING_AE
    here = [source for source in known if not source.hosts or _is_in(caller.address, source.hosts)]
    if not here:
        return Rejection.HOST
    proven = [source for source in here if source.certificate_subject in (None, caller.certificate_subject)]
    return proven[0] if proven else Rejection.CERTIFICATE


def _is_in(address: str, networks: Iterable[str]) -> bool:
    ip = ipaddress.ip_address(address)
    # A listener on "::" sees IPv4 peers as ::ffff:a.b.c.d.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
