"""A small certificate authority for tests: certificates for 127.0.0.1 and for peers that call."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SHORT_NAMES = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME}
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Authority:
    """ca: its own certificate, as a PEM file."""

    folder: Path
    own_key: ec.EllipticCurvePrivateKey
    own_certificate: x509.Certificate

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, subject: str, *, days: int = 90, name: str = "certificate") -> Certificate:
        """For a subject like /O=Hospital/CN=ct1, also for a server on 127.0.0.1.

        days: how long it is valid from now; below 0 it has expired.
        """
        made = Certificate(certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key")
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("node.example"), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = (
            _builder(_name(subject), self.own_certificate.subject, key, days)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own_key.public_key()),
                critical=False,
            )
        )
        _write(made.certificate, builder.sign(self.own_key, hashes.SHA256()))
        unencrypted = serialization.NoEncryption()
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted
            )
        )
        return made


def authority(folder: Path) -> Authority:
    """A new one, which nobody else trusts."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("/CN=test authority")
    certificate = (
        _builder(name, name, key, 90)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Authority(folder=folder, own_key=key, own_certificate=certificate)
    _write(made.ca, certificate)
    return made


def _name(subject: str) -> x509.Name:
    attributes = (part.split("=") for part in subject.strip("/").split("/"))
    return x509.Name([x509.NameAttribute(SHORT_NAMES[name], value) for name, value in attributes])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + min(0, days) * DAY - DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
