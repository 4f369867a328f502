"""UIDs computed from the content of the results, so that a second run makes the same objects."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.uid import UID

from ich_node.dicom.derived_uid import uid_from as uid_from


@dataclass(frozen=True, kw_only=True)
class UidMaker:
    """The UIDs of one set of results. facts: everything that decides the content of the set."""

    facts: tuple[str, ...]

    def make(self, kind: str, slice_uid: str = "", index: int = 0) -> UID:
        return uid_from(*self.facts, kind, slice_uid, str(index))


def digest_of(sha256s: Iterable[str]) -> str:
    """One SHA-256, hex, for the hashes of a set of objects in any order."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()
