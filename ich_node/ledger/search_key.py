"""The key behind which the ledger keeps AccessionNumber and PatientID.

The ledger has the HMAC-SHA256 of the two: whoever knows an accession number and has the key finds
its series, and nobody reads the number in the ledger, or guesses it without the key. All processes
that share a ledger need the same key: its fingerprint is in the ledger.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from ich_node.config.secret_files import make_secret, require_private
from ich_node.errors import ConfigError
from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.tables import jobs, search_keys

KEY_BYTES = 32
SETTING = "[database] search_key"


@dataclass(frozen=True, kw_only=True)
class SearchKey:
    """Turns identifiers into what the ledger keeps of them."""

    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"ich-node search key" + self.key).hexdigest()[:16]

    def accession(self, number: str) -> str | None:
        """None if it is empty."""
        return self._term("accession", number)

    def patient(self, patient_id: str) -> str | None:
        """None if it is empty."""
        return self._term("patient", patient_id)

    def _term(self, kind: str, value: str) -> str | None:
        """Upper and lower case, wide and ordinary digits, and spaces around it are the same."""
        normal = unicodedata.normalize("NFKC", value).replace("\0", "").strip().casefold()
        if not normal:
            return None
        message = f"{kind}\0{normal}".encode(errors="replace")
        return hmac.digest(self.key, message, "sha256").hex()


class SearchKeyLedger:
    """Which key the ledger's search terms were made with."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def for_receiving(self, path: Path, *, now: datetime) -> SearchKey:
        """The key in this file, which is made where neither the file nor the ledger knows of one.

        Raises ConfigError if the ledger has another key, or one whose file is missing.
        """
        # Of several hosts that start at the same time the first one makes the key: the others wait.
        with self._database.write() as connection:
            lock_writers(connection, search_keys)
            known = _fingerprint(connection)
            if known is None and not path.exists():
                make_secret(path, secrets.token_hex(KEY_BYTES), setting=SETTING)
            key = _checked(path, known)
            if known is None:
                connection.execute(
                    sa.insert(search_keys).values(fingerprint=key.fingerprint, made_at=now)
                )
        return key

    def for_looking(self, path: Path) -> SearchKey | None:
        """The key in this file; None if the ledger has no search terms yet. Makes nothing.

        Raises ConfigError if the ledger has another key, or if the file is missing.
        """
        with self._database.read() as connection:
            known = _fingerprint(connection)
        return None if known is None else _checked(path, known)

    def check(self, path: Path) -> None:
        """For a service that needs no key: raises ConfigError if there is a key in this file, and
        the ledger has another one.
        """
        if path.exists():
            self.for_looking(path)

    def forget(self) -> None:
        """Remove all search terms, and what is known of their key: the next receiver makes a new
        one. For a key that is lost.
        """
        with self._database.write() as connection:
            connection.execute(sa.delete(search_keys))
            has_terms = jobs.c.accession_hmac.is_not(None) | jobs.c.patient_hmac.is_not(None)
            connection.execute(
                sa.update(jobs).where(has_terms).values(accession_hmac=None, patient_hmac=None)
            )


def _fingerprint(connection: sa.Connection) -> str | None:
    return connection.execute(sa.select(search_keys.c.fingerprint)).scalar_one_or_none()


def _checked(path: Path, known: str | None) -> SearchKey:
    key = _read(path)
    if known is not None and key.fingerprint != known:
        raise ConfigError(
            f"{SETTING}: {path} is not the key of this ledger (its fingerprint is"
            f" {key.fingerprint}, the ledger's is {known}); copy the file from the host that has"
            " it: all hosts of one ledger share it"
        )
    return key


def _read(path: Path) -> SearchKey:
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise ConfigError(
            f"{SETTING}: {path} is missing, and the ledger has search terms that were made with"
            " it; copy the file from the host that has it, or from the backup. If it is lost,"
            " `ich-node jobs forget-search-terms` lets the node make a new one"
        ) from error
    except OSError as error:
        raise ConfigError(f"{SETTING}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{SETTING}: {path} is not a search key") from error
    require_private(path, mode, setting=SETTING)
    if not re.fullmatch(rf"[0-9a-f]{{{2 * KEY_BYTES}}}", text):
        raise ConfigError(
            f"{SETTING}: {path} is not a search key, which has {2 * KEY_BYTES} hexadecimal digits"
        )
    return SearchKey(key=bytes.fromhex(text))
