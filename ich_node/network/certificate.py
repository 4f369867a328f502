"""Our own certificate: until when it is valid."""

from datetime import datetime

from cryptography import x509

from ich_node.config.settings import TlsSettings
from ich_node.errors import ConfigError
from ich_node.network.tls import server_context


def certificate_ends(tls: TlsSettings, *, now: datetime) -> datetime:
    """Until when the certificate of [tls] is valid.

    Raises ConfigError if a file of [tls] cannot be used, or if the certificate is not valid now.
    """
    server_context(tls)  # reads all the files
    assert tls.certificate is not None, "[tls] is not on"
    try:
        certificate = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[0]
    except ValueError as error:
        raise ConfigError(
            f"[tls] certificate: {tls.certificate} cannot be used: {error}"
        ) from error
    problem = None
    if now > certificate.not_valid_after_utc:
        problem = "certificate has expired"
    elif now < certificate.not_valid_before_utc:
        problem = "certificate is not yet valid"
    if problem is not None:
        raise ConfigError(f"[tls] certificate: {tls.certificate}: certificate refused: {problem}")
    return certificate.not_valid_after_utc
