"""What one object's header says against reading it, without knowing the others: class, transfer
syntax, size, protocol.
"""

from collections.abc import Collection

from pydicom import Dataset
from pydicom.uid import UID, CTImageStorage

from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.errors import (
    BoneKernel,
    DerivedResult,
    EnhancedMultiFrame,
    Monochrome1,
    NotCT,
    TooLarge,
    TransferSyntaxRefused,
    Undecodable,
)
from ich_node.series.attributes import integer_of, text_of, transfer_syntax_of, uid_of
from ich_node.series.derived import derived_by
from ich_node.series.frames import FrameHeader
from ich_node.series.kernel import bone_kernel, bone_rule
from ich_node.series.shipped_rules import NONE

MOST_PIXELS = 2_048 * 2_048
LEAST_PIXELS_A_SIDE = 64

RESULT_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture and its multi-frame forms
    "1.2.840.10008.5.1.4.1.1.11",  # presentation states
    "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
    "1.2.840.10008.5.1.4.1.1.66",  # raw data, registrations, segmentations
    "1.2.840.10008.5.1.4.1.1.88",  # structured reports, key objects
    "1.2.840.10008.5.1.4.1.1.104",  # encapsulated documents
)


def check_kind(dataset: Dataset) -> None:
    """SOP class, transfer syntax, photometric interpretation, size. Raises the matching Refusal."""
    uid = uid_of(dataset, "SOPInstanceUID")
    transfer_syntax = transfer_syntax_of(dataset)
    if transfer_syntax is not None and transfer_syntax not in ACCEPTED_TRANSFER_SYNTAXES:
        raise TransferSyntaxRefused(
            f"{uid}: {transfer_syntax.name} ({transfer_syntax}) is not read here; "
            "send uncompressed or a lossless JPEG form"
        )
    sop_class = sop_class_of(dataset)
    if integer_of(dataset, "NumberOfFrames", 1) > 1:
        raise EnhancedMultiFrame(
            f"{uid}: multi-frame, but {_class_name(sop_class)} holds one frame an object; "
            "send Enhanced CT, or the classic single-frame series"
        )
    if any(sop_class == result or sop_class.startswith(result + ".") for result in RESULT_CLASSES):
        raise DerivedResult(f"{uid}: {_class_name(sop_class)} is a result, not an acquisition")
    if sop_class != CTImageStorage and not isinstance(dataset, FrameHeader):
        raise NotCT(
            f"{uid}: {_class_name(sop_class) or 'an object without SOPClassUID'} "
            "is not CT Image Storage"
        )
    if not uid:
        raise NotCT("an object has no SOPInstanceUID: it cannot be referred to")
    if text_of(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        raise Monochrome1(
            f"{uid}: MONOCHROME1; CT must be MONOCHROME2, inverted pixels are not guessed at"
        )
    _check_size(dataset, uid)


def _check_size(dataset: Dataset, uid: str) -> None:
    if "PixelData" not in dataset and not isinstance(dataset, FrameHeader):
        raise Undecodable(f"{uid}: the object has no pixel data")
    rows, columns = integer_of(dataset, "Rows", 0), integer_of(dataset, "Columns", 0)
    if rows * columns > MOST_PIXELS:
        raise TooLarge(f"{uid}: {rows} x {columns} pixels; no CT slice has more than {MOST_PIXELS}")
    if min(rows, columns) < LEAST_PIXELS_A_SIDE:
        raise Undecodable(f"{uid}: {rows} x {columns} pixels is no CT image")
    if integer_of(dataset, "SamplesPerPixel", 1) != 1:
        raise Undecodable(f"{uid}: a colour image, not CT")


def check_protocol(dataset: Dataset, ignored: Collection[str] = NONE) -> None:
    """What the scanner says about the image. ignored: shipped rules that do not hold for the
    series. Raises DerivedResult or BoneKernel.
    """
    uid = uid_of(dataset, "SOPInstanceUID")
    rule, kind = derived_by(dataset, ignored)
    if kind:
        raise DerivedResult(
            f"{uid}: {kind} is not an image of an acquisition; send the acquisition",
            rule=rule,
            why=kind,
        )
    if kernel := bone_kernel(dataset, ignored):
        raise BoneKernel(
            f"{uid}: kernel {kernel} is for bone; send the soft-tissue reconstruction",
            rule=bone_rule(dataset),
            why=f"kernel {kernel}",
        )


def sop_class_of(dataset: Dataset) -> str:
    """The SOP class; '' where nothing states it. RSNA's files state it in the file meta information
    alone, and some state only Modality CT.
    """
    meta = getattr(dataset, "file_meta", None)
    stated = uid_of(dataset, "SOPClassUID") or (
        "" if meta is None else uid_of(meta, "MediaStorageSOPClassUID")
    )
    if stated:
        return stated
    return str(CTImageStorage) if text_of(dataset, "Modality") == "CT" else ""


def _class_name(sop_class: str) -> str:
    return UID(sop_class).name
