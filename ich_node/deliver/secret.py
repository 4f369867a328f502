"""Secrets come from files that only the service can read (systemd: LoadCredential=), never from
config.toml.
"""

import base64
import binascii
from pathlib import Path

from ich_node.errors import ConfigError

WEBHOOK_PREFIX = "whsec_"
WEBHOOK_KEY_BYTES = range(24, 65)  # Standard Webhooks, "Signature scheme"


def read_secret(path: Path, setting: str, *, section: str = "[[destinations]]") -> str:
    """The one line of the file, read at every connection, so that a new secret needs no restart.
    section, setting: where config.toml names it. Raises ConfigError, whose text never quotes the
    secret.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{section} {setting}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{section} {setting}: {path} is not text") from error
    if not secret or not secret.isprintable():
        raise ConfigError(f"{section} {setting}: {path} must hold one line")
    return secret


def read_webhook_secret(path: Path, *, section: str = "[[destinations]]") -> str:
    """24 to 64 bytes in Base64, as the file has them. Raises ConfigError."""
    secret = read_secret(path, "secret_file", section=section)
    try:
        key = base64.b64decode(secret.removeprefix(WEBHOOK_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in WEBHOOK_KEY_BYTES:
        raise ConfigError(
            f"{section} secret_file: {path} must hold 24 to 64 random bytes in Base64:"
            " `openssl rand -base64 32`"
        )
    return secret
