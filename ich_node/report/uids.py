"""UIDs computed from the content of the results, so that a second run makes the same objects."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.uid import UID

# The name space of all UIDs (RFC 4122, 4.3). It must never change.
NAMESPACE = uuid.UUID("5a6f0c7e-3d0e-5b7a-9c41-6c1f2d8e7b30")


def uid_from(*parts: str) -> UID:
    """A UUID-derived UID (PS3.5 B.2) of the parts. The length of each part is hashed, too, so that
    ("ab", "c") and ("a", "bc") differ.
    """
    name = "".join(f"{len(part)}:{part};" for part in parts)
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, name).int}")


@dataclass(frozen=True, kw_only=True)
class UidMaker:
    """The UIDs of one set of results. facts: everything that decides the content of the set."""

    facts: tuple[str, ...]

    def make(self, kind: str, slice_uid: str = "", index: int = 0) -> UID:
        return uid_from(*self.facts, kind, slice_uid, str(index))


def digest_of(sha256s: Iterable[str]) -> str:
    """One SHA-256, hex, for the hashes of a set of objects in any order."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()
