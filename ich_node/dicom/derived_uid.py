"""UIDs that are computed from what they name, so that the same thing always has the same UID."""

import uuid

from pydicom.uid import UID

# The name space of all UIDs (RFC 4122, 4.3). It must never change.
NAMESPACE = uuid.UUID("5a6f0c7e-3d0e-5b7a-9c41-6c1f2d8e7b30")


def uid_from(*parts: str) -> UID:
    """A UUID-derived UID (PS3.5 B.2) of the parts. The length of each part is hashed, too, so that
    ("ab", "c") and ("a", "bc") differ.
    """
    name = "".join(f"{len(part)}:{part};" for part in parts)
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, name).int}")


def device_uid(ae_title: str) -> UID:
    """The node of this AE title as the observer of its results (TID 1004)."""
    return uid_from("device", ae_title)
