"""DICOM over TLS by PS3.15 B.12 (BCP 195: RFC 8996, 9325): TLS 1.2 and 1.3, a certificate on both
sides, one pinned CA.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from ich_node.config.settings import TlsSettings
from ich_node.errors import ConfigError

# RFC 9325 §4.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"
# OpenSSL's long names of attributes -> the short ones of distinguished names (RFC 4514 §3).
SHORT_NAMES = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
Context = TypeVar("Context", bound=ssl.SSLContext)
ESCAPED = str.maketrans({character: f"\\{character}" for character in ',+"\\<>;'})


def server_context(tls: TlsSettings) -> ssl.SSLContext:
    """For associations that peers open with a certificate of the CA. Raises ConfigError."""
    context = _prepared(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)
    # TLS sessions are not resumed, and some libraries take a session ticket for data.
    context.num_tickets = 0
    return context


def client_context(tls: TlsSettings) -> "ClientContext":
    """For associations that we open: the peer's certificate must be of the CA and have its name.

    Raises ConfigError.
    """
    return _prepared(ClientContext(ssl.PROTOCOL_TLS_CLIENT), tls)


def web_context(tls: TlsSettings, ca: Path | None) -> ssl.SSLContext:
    """For HTTPS. The server's certificate must be signed by ca, else by [tls] ca, else by a CA that
    the system trusts.

    With [tls] our own certificate is shown to a server that asks for one. Raises ConfigError.
    """
    context = _hardened(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    trusted = ca or tls.ca
    if trusted is None:
        context.load_default_certs()
    else:
        _load("ca", trusted, context.load_verify_locations)
    if tls.is_on:
        _load_own(context, tls)
    return context


class ClientSocket(ssl.SSLSocket):
    """Keeps in its context why TLS failed, which pynetdicom does not report."""

    context: "ClientContext"

    @override
    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError as error:
            self.context.failure = error
            raise

    @override
    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """In TLS 1.3 a peer that rejects our certificate reports it only after the handshake."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            self.context.failure = error
            raise


class ClientContext(ssl.SSLContext):
    """For one connection."""

    sslsocket_class = ClientSocket
    failure: OSError | None = None


def subject_of(connection: object) -> str | None:
    """The subject of the peer's certificate by RFC 4514, e.g. "CN=ct1,O=Hospital"; None without
    TLS.

    The same as `openssl x509 -noout -subject -nameopt RFC2253` prints.
    """
    if not isinstance(connection, ssl.SSLSocket):
        return None
    certificate: Any = connection.getpeercert()
    names = [
        "+".join(
            f"{SHORT_NAMES.get(name, name)}={value.translate(ESCAPED)}" for name, value in relative
        )
        for relative in certificate.get("subject", ())
    ]
    return ",".join(reversed(names))


def explained(error: OSError) -> str:
    """The reason of a TLS failure, without the library's error numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).lower().replace("_", " ")
    return error.strerror or str(error)


def _prepared(context: Context, tls: TlsSettings) -> Context:
    _hardened(context)
    _load("ca", tls.ca, context.load_verify_locations)
    _load_own(context, tls)
    return context


def _hardened(context: Context) -> Context:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_own(context: ssl.SSLContext, tls: TlsSettings) -> None:
    if tls.key is not None:  # OpenSSL does not say which of the two it could not read
        _load("key", tls.key, lambda path: path.read_bytes())
    _load(
        "certificate",
        tls.certificate,
        lambda path: context.load_cert_chain(path, tls.key, password=_no_password),
    )


def _load(setting: str, path: Path | None, load: Callable[[Path], object]) -> None:
    assert path is not None, "[tls] is not on"
    try:
        load(path)
    except ssl.SSLError as error:
        raise ConfigError(f"[tls] {setting}: {path} cannot be used: {said_by(error)}") from error
    except OSError as error:
        raise ConfigError(
            f"[tls] {setting}: cannot read {error.filename or path}: {error.strerror}"
        ) from error


def said_by(error: ssl.SSLError) -> str:
    """What OpenSSL says of a file, in words."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is of another certificate"
    if error.reason in (None, "NO_START_LINE") or "PEM lib" in str(error):
        return "it is damaged, or not in PEM format (-----BEGIN ...)"
    return error.reason


def _no_password() -> str:
    raise ConfigError("[tls] key: has a password; a node that starts by itself needs one without")
