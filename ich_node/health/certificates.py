"""Until when our certificates are valid."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.config.config import Config


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """of: the section of config.toml, tls or web. ends: None if the file cannot be used, and then
    problem says why.
    """

    of: str
    path: Path
    ends: datetime | None
    problem: str = ""


def certificates(config: Config) -> list[Certificate]:
    """Those that the configuration names."""
    named = {"tls": config.tls.certificate, "web": config.web.certificate}
    return [_read(of, path) for of, path in named.items() if path is not None]


def _read(of: str, path: Path) -> Certificate:
    from cryptography import x509  # 8 MB that a node without certificates does not need

    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        return Certificate(of=of, path=path, ends=None, problem=str(error.strerror))
    except ValueError as error:
        return Certificate(of=of, path=path, ends=None, problem=str(error))
    return Certificate(of=of, path=path, ends=chain[0].not_valid_after_utc)
