"""Under which address a browser finds the site."""

import ipaddress
import socket
from urllib.parse import quote

from ich_node.config.web import SiteSettings


def address_of(settings: SiteSettings) -> str:
    """The first of [web] hosts, else the address that it listens on; of this machine by its name,
    where it listens on all. Behind a reverse proxy it is the proxy's: the first of [web] hosts,
    over TLS.
    """
    is_by_proxy = settings.certificate is None and bool(settings.proxies)
    if settings.hosts:
        host = settings.hosts[0]
        has_port = ":" in host.rpartition("]")[2]
        port = "" if is_by_proxy or has_port else f":{settings.port}"
    else:
        listened = ipaddress.ip_address(settings.bind_address)
        host = socket.getfqdn() if listened.is_unspecified else settings.bind_address
        host = f"[{host}]" if listened.version == 6 and not listened.is_unspecified else host
        port = f":{settings.port}"
        is_by_proxy = False
    scheme = "https" if settings.certificate is not None or is_by_proxy else "http"
    return f"{scheme}://{host}{port}"


def sign_in_address(settings: SiteSettings, token: str, name: str = "") -> str:
    """The token stands behind #, which no browser sends, and no server logs."""
    named = f"&name={quote(name)}" if name else ""
    return f"{address_of(settings)}/sign-in#token={quote(token)}{named}"
