"""Headers of one series -> the axial CT objects to read, in order, and what is left out. No pixels
are decoded here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from ich_node.dicom.geometry import (
    LEAST_COVERAGE_MM,
    LEAST_SLICES,
    slice_normal,
    slice_position,
)
from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.errors import (
    BoneKernel,
    ContrastEnhanced,
    DerivedResult,
    EnhancedMultiFrame,
    MixedOrientations,
    MixedSeries,
    Monochrome1,
    NoGeometry,
    NotAxial,
    NotCT,
    NotHead,
    TooFewSlices,
    TooLarge,
    TransferSyntaxRefused,
    Undecodable,
)
from ich_node.series.attributes import (
    integer_of,
    numbers_of,
    text_of,
    transfer_syntax_of,
    uid_of,
    values_of,
)
from ich_node.series.descriptions import (
    bone_kernel,
    contrast_hint,
    contrast_statement,
    derived_image_type,
    other_body_part,
)

COVERAGE_MM = (
    LEAST_COVERAGE_MM,
    300.0,
)  # with the neck; the highest head CT seen here covers 195 mm
MOST_OBJECTS = 2_000
MOST_PIXELS = 2_048 * 2_048
# 2,000 slices of 512 x 512: what is decoded is in memory until the series has been read
MOST_SERIES_PIXELS = 1 << 29
LEAST_PIXELS_A_SIDE = 64
PIXEL_SPACING_MM = (0.1, 2.0)
AXIAL_COSINE = 0.8
SAME_DIRECTION = 0.9995  # cosine; 1.8 degrees
SAME_POSITION_MM = 0.05
MOST_STRAYS = 3  # objects of another orientation in an axial series: localizers that do not say so

RESULT_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture and its multi-frame forms
    "1.2.840.10008.5.1.4.1.1.11",  # presentation states
    "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
    "1.2.840.10008.5.1.4.1.1.66",  # raw data, registrations, segmentations
    "1.2.840.10008.5.1.4.1.1.88",  # structured reports, key objects
    "1.2.840.10008.5.1.4.1.1.104",  # encapsulated documents
)


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


@dataclass(frozen=True, kw_only=True)
class Selection:
    """kept is ordered by position. left_out: (SOPInstanceUID, reason). contrast_hint: words that
    need the pixels to decide.
    """

    study_instance_uid: str
    series_instance_uid: str
    kept: tuple[Kept, ...]
    left_out: tuple[tuple[str, str], ...]
    contrast_hint: str


def select(datasets: Sequence[Dataset], *, single_slice: bool) -> Selection:
    """Choose and order. Raises the Refusal that fits."""
    if not datasets:
        raise TooFewSlices("the series has no objects")
    if len(datasets) > MOST_OBJECTS:
        raise TooLarge(
            f"{len(datasets)} objects in one series; a head CT has fewer than {MOST_OBJECTS}"
        )
    for dataset in datasets:
        _check_kind(dataset)
    study_uid, series_uid = _one_series(datasets)
    images, left_out = _without_localizers(_distinct(datasets))
    pixels = sum(
        integer_of(dataset, "Rows", 0) * integer_of(dataset, "Columns", 0) for dataset in images
    )
    if pixels > MOST_SERIES_PIXELS:
        raise TooLarge(
            f"{pixels} pixels in one series; a head CT has fewer than {MOST_SERIES_PIXELS}"
        )
    for dataset in images:
        _check_protocol(dataset)
    placed = sorted((_placed(dataset) for dataset in images), key=_order)
    axial, strays = _one_orientation(placed)
    kept, doubles = _without_doubles(axial)
    if not (single_slice and len(kept) == 1):
        _check_stack(kept)
    return Selection(
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        kept=tuple(kept),
        left_out=tuple(sorted([*left_out, *strays, *doubles])),
        contrast_hint=next(filter(None, (contrast_hint(item.dataset) for item in kept)), ""),
    )


def _check_kind(dataset: Dataset) -> None:
    """What can be said of one object without knowing the others: class, transfer syntax,
    photometric interpretation, size.
    """
    uid = uid_of(dataset, "SOPInstanceUID")
    transfer_syntax = transfer_syntax_of(dataset)
    if transfer_syntax is not None and transfer_syntax not in ACCEPTED_TRANSFER_SYNTAXES:
        raise TransferSyntaxRefused(
            f"{uid}: {transfer_syntax.name} ({transfer_syntax}) is not read here; send uncompressed or a lossless JPEG form"
        )
    sop_class = _sop_class(dataset)
    if (
        sop_class in (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
        or integer_of(dataset, "NumberOfFrames", 1) > 1
    ):
        raise EnhancedMultiFrame(
            f"{uid}: multi-frame CT is not read here; send the classic single-frame series"
        )
    if any(sop_class == result or sop_class.startswith(result + ".") for result in RESULT_CLASSES):
        raise DerivedResult(f"{uid}: {_class_name(sop_class)} is a result, not an acquisition")
    if sop_class != CTImageStorage:
        raise NotCT(
            f"{uid}: {_class_name(sop_class) or 'an object without SOPClassUID'} is not CT Image Storage"
        )
    if not uid:
        raise NotCT("an object has no SOPInstanceUID: it cannot be referred to")
    if text_of(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        raise Monochrome1(
            f"{uid}: MONOCHROME1; CT must be MONOCHROME2, inverted pixels are not guessed at"
        )
    _check_size(dataset, uid)


def _check_size(dataset: Dataset, uid: str) -> None:
    if "PixelData" not in dataset:
        raise Undecodable(f"{uid}: the object has no pixel data")
    rows, columns = integer_of(dataset, "Rows", 0), integer_of(dataset, "Columns", 0)
    if rows * columns > MOST_PIXELS:
        raise TooLarge(f"{uid}: {rows} x {columns} pixels; no CT slice has more than {MOST_PIXELS}")
    if min(rows, columns) < LEAST_PIXELS_A_SIDE:
        raise Undecodable(f"{uid}: {rows} x {columns} pixels is no CT image")
    if integer_of(dataset, "SamplesPerPixel", 1) != 1:
        raise Undecodable(f"{uid}: a colour image, not CT")


def _one_series(datasets: Sequence[Dataset]) -> tuple[str, str]:
    identities = {
        (uid_of(dataset, "StudyInstanceUID"), uid_of(dataset, "SeriesInstanceUID"))
        for dataset in datasets
    }
    if len(identities) != 1:
        raise MixedSeries(
            f"the objects belong to {len(identities)} series; give one series at a time"
        )
    return identities.pop()


def _distinct(datasets: Sequence[Dataset]) -> list[Dataset]:
    """One dataset a SOPInstanceUID: the same object may be given twice."""
    return list({uid_of(dataset, "SOPInstanceUID"): dataset for dataset in datasets}.values())


def _without_localizers(datasets: Sequence[Dataset]) -> tuple[list[Dataset], list[tuple[str, str]]]:
    images, left_out = [], []
    for dataset in datasets:
        if "LOCALIZER" in values_of(dataset, "ImageType"):
            left_out.append((uid_of(dataset, "SOPInstanceUID"), "localizer"))
        else:
            images.append(dataset)
    if not images:
        raise TooFewSlices("the series has only localizers")
    return images, left_out


def _check_protocol(dataset: Dataset) -> None:
    """What the scanner says about the acquisition."""
    uid = uid_of(dataset, "SOPInstanceUID")
    if kind := derived_image_type(dataset):
        raise DerivedResult(
            f"{uid}: ImageType {kind} is derived from another series; send the acquisition"
        )
    if part := other_body_part(dataset):
        raise NotHead(f"{uid}: the header says {part}")
    if kernel := bone_kernel(dataset):
        raise BoneKernel(f"{uid}: kernel {kernel} is for bone; send the soft-tissue reconstruction")
    if contrast := contrast_statement(dataset):
        raise ContrastEnhanced(
            f"{uid}: {contrast}; contrast looks like blood, send the plain series"
        )


def _placed(dataset: Dataset) -> Kept:
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
        sop_class_uid=_sop_class(dataset),
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
    """A lossy or derived copy, which must not stand in for an original at the same place."""
    return (
        text_of(dataset, "LossyImageCompression") == "01"
        or "DERIVED" in values_of(dataset, "ImageType")[:1]
    )


def _order(item: Kept) -> tuple[float, bool, float, str]:
    """By position; what follows only breaks ties, so that file order never matters: originals,
    InstanceNumber, UID.
    """
    number = math.inf if item.instance_number is None else item.instance_number
    return round(item.position_mm, 3), item.is_copy, number, item.sop_instance_uid


def _one_orientation(placed: Sequence[Kept]) -> tuple[list[Kept], list[tuple[str, str]]]:
    """The axial stack; a few objects of another orientation are localizers that do not say so."""
    stacks: list[list[Kept]] = []
    for item in placed:
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
            f"{len(stacks)} orientations in one series ({sizes} slices); send each as its own series"
        )
    return main, [
        (item.sop_instance_uid, "not axial, in an axial series (localizer)") for item in others
    ]


def _same_orientation(a: Kept, b: Kept) -> bool:
    cosines_a, cosines_b = np.asarray(a.image_orientation), np.asarray(b.image_orientation)
    row, column = float(cosines_a[:3] @ cosines_b[:3]), float(cosines_a[3:] @ cosines_b[3:])
    return row > SAME_DIRECTION and column > SAME_DIRECTION


def _without_doubles(stack: Sequence[Kept]) -> tuple[list[Kept], list[tuple[str, str]]]:
    """Positions along the normal of the first slice (a tiny jitter of the normals must not reorder
    a stack), each once.
    """
    normal = slice_normal(stack[0].image_orientation)
    along = normal if normal[2] >= 0 else -normal
    ordered = sorted(
        (
            replace(item, position_mm=float(np.asarray(item.image_position_mm) @ along))
            for item in stack
        ),
        key=_order,
    )
    kept: list[Kept] = []
    doubles: list[tuple[str, str]] = []
    for item in ordered:
        if kept and item.position_mm - kept[-1].position_mm < SAME_POSITION_MM:
            doubles.append((item.sop_instance_uid, f"same position as {kept[-1].sop_instance_uid}"))
        else:
            kept.append(item)
    return kept, doubles


def _check_stack(kept: Sequence[Kept]) -> None:
    if len(kept) < LEAST_SLICES:
        raise TooFewSlices(
            f"{len(kept)} slices at different positions; a head needs at least {LEAST_SLICES}"
        )
    span_mm = kept[-1].position_mm - kept[0].position_mm
    if span_mm < COVERAGE_MM[0]:
        raise TooFewSlices(
            f"{len(kept)} slices cover {span_mm:.0f} mm; a head needs at least {COVERAGE_MM[0]:.0f} mm"
        )
    if span_mm > COVERAGE_MM[1]:
        raise NotHead(
            f"the slices cover {span_mm:.0f} mm; a head has less than {COVERAGE_MM[1]:.0f} mm"
        )


def _sop_class(dataset: Dataset) -> str:
    """RSNA's files say their class in the file meta information alone, and some say only that they
    are CT.
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
