"""UIDs that follow from what was read and by what, so that doing the work twice makes the same
objects.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.uid import UID

# The root of every name below; any constant would do, it must never change.
NAMESPACE = uuid.UUID("5a6f0c7e-3d0e-5b7a-9c41-6c1f2d8e7b30")


def uid_from(*parts: str) -> UID:
    """A UUID-derived UID (PS3.5 §B.2) of the parts; each part's length is in the name, so parts
    cannot run together.
    """
    name = "".join(f"{len(part)}:{part};" for part in parts)
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, name).int}")


@dataclass(frozen=True, kw_only=True)
class UidMaker:
    """Makes the UIDs of one set of results. `facts`: everything that decides its content."""

    facts: tuple[str, ...]

    def make(self, kind: str, slice_uid: str = "", index: int = 0) -> UID:
        return uid_from(*self.facts, kind, slice_uid, str(index))


def digest_of(sha256s: Iterable[str]) -> str:
    """One hash for a set of objects, whatever their order."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()
