"""A DICOM object that this node made."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

from pydicom import Dataset, dcmwrite
from pydicom.uid import UID

from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, version_name_of_file

Kind = Literal[
    "sr",
    "summary",
    "overlay",
    "presentation_state",
    "key_objects",
    "parametric_map",
    "segmentation",
    "withdrawal",
]


@dataclass(frozen=True, kw_only=True)
class ResultObject:
    """An object with its file meta information. Transfer syntax: Explicit VR Little Endian, or RLE
    Lossless for compressed pixels.
    """

    kind: Kind
    dataset: Dataset = field(repr=False)

    @property
    def sop_instance_uid(self) -> str:
        return str(self.dataset.SOPInstanceUID)

    @property
    def sop_class_uid(self) -> str:
        return str(self.dataset.SOPClassUID)

    def encode(self) -> bytes:
        """The object as a PS3.10 file."""
        buffer = BytesIO()
        dcmwrite(buffer, self.dataset, enforce_file_format=True)
        return buffer.getvalue()


def name_implementation(dataset: Dataset, version: str) -> None:
    """Name this implementation, not the library, in the file meta information."""
    dataset.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    dataset.file_meta.ImplementationVersionName = version_name_of_file(version)
