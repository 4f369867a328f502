"""Objects with their place in the patient -> one axial stack, in order, each position once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset

from ich_node.dicom.geometry import (
    LEAST_COVERAGE_MM,
    LEAST_SLICES,
    slice_normal,
    slice_position,
)
from ich_node.errors import MixedOrientations, NoGeometry, NotAxial, NotHead, TooFewSlices
from ich_node.series.attributes import integer_of, numbers_of, text_of, uid_of, values_of
from ich_node.series.object_checks import sop_class_of

MOST_COVERAGE_MM = 300.0  # with the neck; the highest head CT seen here covers 195 mm
PIXEL_SPACING_MM = (0.1, 2.0)
AXIAL_COSINE = 0.8
SAME_DIRECTION = 0.9995  # cosine; 1.8 degrees
SAME_POSITION_MM = 0.05
MOST_STRAYS = 3  # objects of another orientation in an axial series: localizers that do not say so


@dataclass(frozen=True, kw_only=True)
class Kept:
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


def placed(dataset: Dataset) -> Kept:
    """The object with its place in the patient. Raises NoGeometry."""
    uid = uid_of(dataset, "SOPInstanceUID")
    position, orientation = (
        numbers_of(dataset, "ImagePositionPatient", 3),
        numbers_of(dataset, "ImageOrientationPatient", 6),
    )
    spacing = numbers_of(dataset, "PixelSpacing", 2)
    try:
        position_mm = slice_position(position, orientation)
    except ValueError as error:
        raise NoGeometry(f"{uid}: {error}") from error
    if not all(PIXEL_SPACING_MM[0] <= step_mm <= PIXEL_SPACING_MM[1] for step_mm in spacing):
        raise NoGeometry(
            f"{uid}: PixelSpacing {spacing[0]:g} x {spacing[1]:g} mm is not that of a CT"
        )
    return Kept(
        dataset=dataset,
        sop_instance_uid=uid,
        sop_class_uid=sop_class_of(dataset),
        pixel_spacing_mm=(spacing[0], spacing[1]),
        image_position_mm=(position[0], position[1], position[2]),
        image_orientation=(
            orientation[0],
            orientation[1],
            orientation[2],
            orientation[3],
            orientation[4],
            orientation[5],
        ),
        position_mm=position_mm,
        instance_number=integer_of(dataset, "InstanceNumber", 0) or None,
        is_copy=_is_copy(dataset),
    )


def _is_copy(dataset: Dataset) -> bool:
    """A lossy or derived copy, which must not replace an original at the same position."""
    return (
        text_of(dataset, "LossyImageCompression") == "01"
        or "DERIVED" in values_of(dataset, "ImageType")[:1]
    )


def order_of(item: Kept) -> tuple[float, bool, float, str]:
    """The key by which objects are sorted: position, then originals first, InstanceNumber, UID, so
    that the order of the files never matters.
    """
    number = math.inf if item.instance_number is None else item.instance_number
    return round(item.position_mm, 3), item.is_copy, number, item.sop_instance_uid


def one_orientation(items: Sequence[Kept]) -> tuple[list[Kept], list[tuple[str, str, str]]]:
    """The axial stack, and what is left out of it with the reason: a few objects of another
    orientation are localizers that do not say so. Raises NotAxial or MixedOrientations.
    """
    stacks: list[list[Kept]] = []
    for item in items:
        home = next((stack for stack in stacks if _same_orientation(stack[0], item)), None)
        if home is None:
            stacks.append([item])
        else:
            home.append(item)
    stacks.sort(key=len, reverse=True)
    main, others = stacks[0], [item for stack in stacks[1:] for item in stack]
    if abs(slice_normal(main[0].image_orientation)[2]) <= AXIAL_COSINE:
        raise NotAxial(
            f"{main[0].sop_instance_uid}: the slices are coronal, sagittal or oblique, not axial"
        )
    if len(others) > MOST_STRAYS or any(
        abs(slice_normal(item.image_orientation)[2]) > AXIAL_COSINE for item in others
    ):
        sizes = ", ".join(str(len(stack)) for stack in stacks)
        raise MixedOrientations(
            f"{len(stacks)} orientations in one series ({sizes} slices); "
            "send each as its own series"
        )
    return main, [
        (item.sop_instance_uid, "not_axial", "not axial, in an axial series (localizer)")
        for item in others
    ]


def _same_orientation(a: Kept, b: Kept) -> bool:
    cosines_a, cosines_b = np.asarray(a.image_orientation), np.asarray(b.image_orientation)
    row, column = float(cosines_a[:3] @ cosines_b[:3]), float(cosines_a[3:] @ cosines_b[3:])
    return row > SAME_DIRECTION and column > SAME_DIRECTION


def without_doubles(stack: Sequence[Kept]) -> tuple[list[Kept], list[tuple[str, str, str]]]:
    """One object for each position, and what is left out with the reason. Positions are measured
    along the normal of the first slice: a tiny jitter of the normals must not reorder a stack.
    """
    normal = slice_normal(stack[0].image_orientation)
    along = normal if normal[2] >= 0 else -normal
    ordered = sorted(
        (
            replace(item, position_mm=float(np.asarray(item.image_position_mm) @ along))
            for item in stack
        ),
        key=order_of,
    )
    kept: list[Kept] = []
    doubles: list[tuple[str, str, str]] = []
    for item in ordered:
        if kept and item.position_mm - kept[-1].position_mm < SAME_POSITION_MM:
            reason = f"same position as {kept[-1].sop_instance_uid}"
            doubles.append((item.sop_instance_uid, "same_position", reason))
        else:
            kept.append(item)
    return kept, doubles


def check_stack(kept: Sequence[Kept]) -> None:
    """Enough slices over the height of a head. Raises TooFewSlices or NotHead."""
    if len(kept) < LEAST_SLICES:
        raise TooFewSlices(
            f"{len(kept)} slices at different positions; a head needs at least {LEAST_SLICES}"
        )
    span_mm = kept[-1].position_mm - kept[0].position_mm
    if span_mm < LEAST_COVERAGE_MM:
        raise TooFewSlices(
            f"{len(kept)} slices cover {span_mm:.0f} mm; "
            f"a head needs at least {LEAST_COVERAGE_MM:.0f} mm"
        )
    if span_mm > MOST_COVERAGE_MM:
        raise NotHead(
            f"the slices cover {span_mm:.0f} mm; a head has less than {MOST_COVERAGE_MM:.0f} mm"
        )
