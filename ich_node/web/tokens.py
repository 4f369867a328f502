"""The tokens that sign in: one for each role, in a file that only the node's user may read.

A file is read again when it has changed. Its sessions end with the token.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ich_node.config.config import Config
from ich_node.config.secret_files import make_secret, require_private
from ich_node.errors import ConfigError
from ich_node.web.visitor import Role

TOKEN_BYTES = 32
FEWEST_CHARACTERS, MOST_CHARACTERS = 20, 200


@dataclass(frozen=True, kw_only=True)
class TokenFile:
    """stamp: what changes with the file."""

    stamp: tuple[int, ...]
    token: str


class Tokens:
    """Of [web] look_token_file and operate_token_file."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._files: dict[Path, TokenFile] = {}

    def make_missing(self) -> None:
        """Raises ConfigError if a file cannot be made or used."""
        for role in Role:
            path = self._path(role)
            if not path.exists():
                make_secret(path, secrets.token_urlsafe(TOKEN_BYTES), setting=_setting(role))
        self.check()

    def check(self) -> None:
        """Raises ConfigError if a file that is there cannot be used."""
        there = [self.token(role) for role in Role if self._path(role).exists()]
        if len(set(there)) < len(there):
            raise ConfigError(
                f"[web] {self._path(Role.LOOK)} and {self._path(Role.OPERATE)} have the same token:"
                " whoever may look could operate; remove one of them, and a new one is made"
            )

    def token(self, role: Role) -> str:
        """Raises ConfigError."""
        path, setting = self._path(role), _setting(role)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size, status.st_mode)
            known = self._files.get(path)
            if known is not None and known.stamp == stamp:
                return known.token
            token = path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ConfigError(f"{setting}: cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{setting}: {path} is not a token") from error
        require_private(path, status.st_mode, setting=setting)
        is_usable = token.isprintable() and " " not in token
        if not (is_usable and FEWEST_CHARACTERS <= len(token) <= MOST_CHARACTERS):
            raise ConfigError(
                f"{setting}: {path} is not a token of {FEWEST_CHARACTERS} to {MOST_CHARACTERS}"
                " characters; remove it, and the site makes one"
            )
        self._files[path] = TokenFile(stamp=stamp, token=token)
        return token

    def role_of(self, token: str) -> Role | None:
        """None if it is no token of ours. As long as a file cannot be used, its token is none."""
        given, found = _digest(token), None
        for role in Role:  # always both, so that the time says nothing
            own = self.fingerprint(role)
            if own and hmac.compare_digest(own, given):
                found = role
        return found

    def fingerprint(self, role: Role) -> str:
        """Of the token that counts now; "" if there is none."""
        try:
            return _digest(self.token(role))
        except ConfigError:
            return ""

    def _path(self, role: Role) -> Path:
        settings = self._config().web
        return settings.look_token_file if role is Role.LOOK else settings.operate_token_file


def _setting(role: Role) -> str:
    return f"[web] {role}_token_file"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
