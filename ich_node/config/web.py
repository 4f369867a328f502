"""[web] and [audit]: the site, who may see it, and who hears what was done on it."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ich_node.config.fields import Network, Port, Section

SYSLOG_SCHEMES = ("udp", "tcp", "tls")


class SiteSettings(Section):
    """[web]: the site for people, and the addresses of metrics and health for machines.

    hosts: the names, with or without a port, under which browsers reach it, besides localhost and
    the address that it listens on. look_token_file, operate_token_file: made by the first start.
    user_header: the header in which a reverse proxy at one of the addresses `proxies` names its
    user; operators: those of its users who may operate. probes: who may read metrics and health
    without a token. identifiers: show name, ID and accession number, over TLS alone.
    """

    enabled: bool = True
    bind_address: str = "127.0.0.1"
    port: Port = 8104
    certificate: Path | None = None
    key: Path | None = None
    hosts: tuple[str, ...] = ()
    look_token_file: Path = Path("var/web-look.token")
    operate_token_file: Path = Path("var/web-operate.token")
    session_hours: float = Field(12, gt=0)
    user_header: str | None = Field(None, min_length=1)
    proxies: tuple[Network, ...] = ()
    operators: tuple[str, ...] = ()
    probes: tuple[Network, ...] = ("127.0.0.1/32", "::1/128")
    identifiers: bool = False

    @field_validator("bind_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        ipaddress.ip_address(value)  # its message says what is wrong
        return value

    @model_validator(mode="after")
    def _others_cannot_read_along(self) -> "SiteSettings":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("[web] certificate and key go together: set both, or neither")
        if (self.user_header is None) != (not self.proxies):
            raise ValueError(
                "[web] user_header and proxies go together: a header counts only if it comes from"
                " one of these addresses"
            )
        if self.operators and self.user_header is None:
            raise ValueError("[web] operators are users of a proxy: set user_header and proxies")
        is_encrypted = self.certificate is not None or bool(self.proxies)
        if not ipaddress.ip_address(self.bind_address).is_loopback and not is_encrypted:
            raise ValueError(
                f"[web] bind_address {self.bind_address} can be reached from other machines: set"
                " certificate and key, or user_header and proxies of a reverse proxy"
            )
        if self.identifiers and not is_encrypted:
            raise ValueError(
                "[web] identifiers are shown over TLS only: set certificate and key, or user_header"
                " and proxies of a reverse proxy"
            )
        return self


class AuditSettings(Section):
    """[audit] syslog: the audit record repository (PS3.15 A.5), as tls://HOST:PORT, tcp:// or
    udp://. ca: who signed its certificate; None: [tls] ca, else those that the system trusts.
    """

    syslog: str | None = None
    ca: Path | None = None

    @field_validator("syslog")
    @classmethod
    def _names_a_place(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in SYSLOG_SCHEMES or not parts.hostname or parts.port is None:
            raise ValueError(
                f"[audit] syslog {value!r} is no address: write tls://10.1.2.9:6514, tcp:// or"
                " udp://"
            )
        return value
