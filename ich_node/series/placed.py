"""One object with its place in the patient, or the reason why it is not read."""

import math
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.dicom.geometry import slice_normal, slice_position
from ich_node.errors import NoGeometry, NotAxial, Refusal, Undecodable
from ich_node.series.attributes import (
    number_or_none,
    numbers_of,
    text_of,
    uid_of,
    values_of,
)
from ich_node.series.object_checks import sop_class_of

PIXEL_SPACING_MM = (0.1, 2.0)
AXIAL_COSINE = 0.8


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An axial CT object with its place."""

    dataset: Dataset
    sop_instance_uid: str
    sop_class_uid: str
    pixel_spacing_mm: tuple[float, float]
    image_position_mm: tuple[float, float, float]
    image_orientation: tuple[float, float, float, float, float, float]
    position_mm: float
    instance_number: int | None
    is_copy: bool


@dataclass(frozen=True, kw_only=True)
class Unread:
    """An object that is left out. place: None if its header does not say where it lies."""

    dataset: Dataset
    refusal: Refusal
    place: Placed | None

    @classmethod
    def of(cls, dataset: Dataset, refusal: Refusal) -> "Unread":
        try:
            place = placed(dataset)
        except (NoGeometry, NotAxial, Undecodable):
            place = None
        return cls(dataset=dataset, refusal=refusal, place=place)


def placed(dataset: Dataset) -> Placed:
    """The object with its place in the patient. Raises NoGeometry, NotAxial, Undecodable."""
    uid = uid_of(dataset, "SOPInstanceUID")
    position = numbers_of(dataset, "ImagePositionPatient", 3)
    orientation = numbers_of(dataset, "ImageOrientationPatient", 6)
    spacing = numbers_of(dataset, "PixelSpacing", 2)
    try:
        position_mm = slice_position(position, orientation)
    except ValueError as error:
        raise NoGeometry(f"{uid}: {error}") from error
    if not all(PIXEL_SPACING_MM[0] <= step_mm <= PIXEL_SPACING_MM[1] for step_mm in spacing):
        raise NoGeometry(
            f"{uid}: PixelSpacing {spacing[0]:g} x {spacing[1]:g} mm is not that of a CT"
        )
    if abs(slice_normal(orientation)[2]) <= AXIAL_COSINE:
        raise NotAxial(f"{uid}: coronal, sagittal or oblique, not axial")
    x, y, z = position
    row_x, row_y, row_z, column_x, column_y, column_z = orientation
    return Placed(
        dataset=dataset,
        sop_instance_uid=uid,
        sop_class_uid=sop_class_of(dataset),
        pixel_spacing_mm=(spacing[0], spacing[1]),
        image_position_mm=(x, y, z),
        image_orientation=(row_x, row_y, row_z, column_x, column_y, column_z),
        position_mm=position_mm,
        instance_number=number_or_none(dataset, "InstanceNumber"),
        is_copy=_is_copy(dataset),
    )


def order_of(item: Placed) -> tuple[float, bool, float, str]:
    """The key by which objects are sorted: position, then originals first, InstanceNumber, UID, so
    that the order of the files never matters.
    """
    number = math.inf if item.instance_number is None else item.instance_number
    return round(item.position_mm, 3), item.is_copy, number, item.sop_instance_uid


def _is_copy(dataset: Dataset) -> bool:
    """A lossy or derived copy, which comes after an original at the same position."""
    return (
        text_of(dataset, "LossyImageCompression") == "01"
        or "DERIVED" in values_of(dataset, "ImageType")[:1]
    )
