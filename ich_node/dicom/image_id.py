"""What DICOM refers to as one image."""

from typing import NamedTuple

from typing_extensions import override


class ImageId(NamedTuple):
    """An object, or one frame of a multi-frame object: two frames share their SOP Instance UID.

    frame_number: 1-based; None for an object of one frame.
    """

    sop_instance_uid: str
    frame_number: int | None = None

    @override
    def __str__(self) -> str:
        """The UID alone, or with the number of the frame: a part of hashes and derived UIDs."""
        return self.within(self.sop_instance_uid)

    def within(self, object_name: str) -> str:
        """The image's name where its object has this name (its UID, or the hash of its bytes)."""
        if self.frame_number is None:
            return object_name
        return f"{object_name}#{self.frame_number}"
