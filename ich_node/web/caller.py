"""From where a request comes."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from ich_node.config.web import SiteSettings

MOST_NAME = 64  # characters of the name of a person
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class WebCaller:
    """address: of the browser, also behind a proxy. is_proxy: it comes by a proxy that we trust.
    is_encrypted: the browser speaks TLS, with us or with the proxy. is_near: the connection is from
    this machine. user: whom the proxy names.
    """

    address: str
    is_proxy: bool
    is_encrypted: bool
    is_near: bool
    user: str | None


def caller_of(scope: Scope, settings: SiteSettings) -> WebCaller:
    """A header of a proxy counts only if one of the addresses [web] proxies sends it."""
    peer = _address((scope.get("client") or ("",))[0])
    is_encrypted = scope["scheme"] == "https"
    is_near = peer is not None and peer.is_loopback
    headers = Headers(scope=scope)
    if peer is None or not _is_in(peer, settings.proxies):
        address = "" if peer is None else str(peer)
        return WebCaller(
            address=address,
            is_proxy=False,
            is_encrypted=is_encrypted,
            is_near=is_near,
            user=None,
        )
    protocol = _listed(headers, "x-forwarded-proto")
    return WebCaller(
        address=str(_browser(headers, peer, settings.proxies)),
        is_proxy=True,
        is_encrypted=is_encrypted or protocol[-1:] == ["https"],
        is_near=is_near,
        user=_user(headers, settings.user_header),
    )


def person(name: str) -> str | None:
    """A name for the journal; None if it is none."""
    name = " ".join(name.split())
    return name if name and len(name) <= MOST_NAME and name.isprintable() else None


def is_from(scope: Scope, networks: tuple[str, ...]) -> bool:
    """Whether the connection itself comes from one of these networks."""
    peer = _address((scope.get("client") or ("",))[0])
    return peer is not None and _is_in(peer, networks)


def is_proxy(address: str, settings: SiteSettings) -> bool:
    """Whether a reverse proxy that we trust has this address."""
    peer = _address(address)
    return peer is not None and _is_in(peer, settings.proxies)


def _browser(headers: Headers, peer: Address, proxies: tuple[str, ...]) -> Address:
    """The last address that no proxy of ours has: what stands before it, anybody can write."""
    for text in reversed(_listed(headers, "x-forwarded-for")):
        address = _address(text)
        if address is None:
            break
        peer = address
        if not _is_in(address, proxies):
            break
    return peer


def _user(headers: Headers, name: str | None) -> str | None:
    """A header that comes twice is not the proxy's alone."""
    values = headers.getlist(name) if name is not None else []
    if len(values) != 1:
        return None
    try:
        return person(values[0].encode("latin-1").decode())
    except UnicodeDecodeError:
        return None


def _listed(headers: Headers, name: str) -> list[str]:
    return [part.strip() for part in ",".join(headers.getlist(name)).split(",") if part.strip()]


def _address(text: str) -> Address | None:
    """An IPv4 address that is written as an IPv6 one is the IPv4 address."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_in(address: Address, networks: tuple[str, ...]) -> bool:
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=16)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
