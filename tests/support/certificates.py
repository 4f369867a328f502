"""A small certificate authority for tests, by openssl: certificates for 127.0.0.1 and for those who
call.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import need


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs what it is asked to. ca: its own certificate."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, subject: str, *, days: int = 90, name: str = "certificate") -> Certificate:
        """For a subject like /O=Hospital/CN=ct1, good for a server on 127.0.0.1, too. days below 0:
        expired.
        """
        made = Certificate(certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:node.example")
        _openssl("req", "-new", *NEW_KEY, "-keyout", made.key, "-subj", subject, "-out", request)
        signed = [
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.ca,
            "-CAkey",
            self.folder / "ca.key",
            "-extfile",
            extensions,
        ]
        _openssl(*signed, "-days", days, "-out", made.certificate)
        return made


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def authority(folder: Path) -> Authority:
    """A new one, which nobody else trusts."""
    folder.mkdir(parents=True)
    made = Authority(folder=folder)
    key = folder / "ca.key"
    _openssl(
        "req",
        "-x509",
        *NEW_KEY,
        "-keyout",
        key,
        "-subj",
        "/CN=test authority",
        "-days",
        90,
        "-out",
        made.ca,
    )
    return made


def _openssl(*arguments: object) -> None:
    subprocess.run([need("openssl"), *map(str, arguments)], check=True, capture_output=True)
