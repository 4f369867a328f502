"""TLS of the site: 1.2 or 1.3, our certificate; browsers show none."""

import ssl
from datetime import datetime

from ich_node.config.web import SiteSettings
from ich_node.errors import ConfigError
from ich_node.network.tls import CIPHERS, said_by


def site_context(settings: SiteSettings) -> ssl.SSLContext | None:
    """None without [web] certificate. Raises ConfigError."""
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_certificate(context, settings)
    return context


def load_certificate(context: ssl.SSLContext, settings: SiteSettings) -> None:
    """For the connections from now on. Raises ConfigError, and goes on with the one before."""
    certificate, key = settings.certificate, settings.key
    assert certificate is not None, "[web] certificate is not set"
    assert key is not None, "[web] key is not set"
    for setting, path in (("certificate", certificate), ("key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigError(f"[web] {setting}: cannot read {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"[web] certificate: {certificate} and {key} cannot be used together: {said_by(error)}"
        ) from error


def certificate_ends(settings: SiteSettings, *, now: datetime) -> datetime:
    """Until when the certificate of [web] is valid. Raises ConfigError if it is not valid now, or
    if a file cannot be used.
    """
    from cryptography import x509  # 8 MB that a site without a certificate does not need

    site_context(settings)  # reads the files
    assert settings.certificate is not None, "[web] certificate is not set"
    found = x509.load_pem_x509_certificates(settings.certificate.read_bytes())[0]
    problem = None
    if now > found.not_valid_after_utc:
        problem = "has expired"
    elif now < found.not_valid_before_utc:
        problem = "is not yet valid"
    if problem is not None:
        raise ConfigError(f"[web] certificate: {settings.certificate} {problem}")
    return found.not_valid_after_utc


def _no_password() -> str:
    raise ConfigError("[web] key: has a password; a node that starts by itself needs one without")
