"""The image library of an SR (TID 1600): modality, geometry and place of the images, for readers
that have only the SR.
"""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import UID

from ich_node.report import codes
from ich_node.report.tree import coded, container, image, number, uid_reference

LENGTH_DIGITS = 4  # of millimetres; direction cosines get two more


def image_library(headers: Sequence[Dataset]) -> Dataset:
    """Descriptors that all images share are in the group, the others in each image."""
    described = [_descriptors(header) for header in headers]
    shared = {
        keyword
        for keyword, value in described[0].items()
        if all(other.get(keyword) == value for other in described)
    }
    entries = [
        image(
            codes.SOURCE,
            header,
            "CONTAINS",
            *_items({key: value for key, value in own.items() if key not in shared}),
        )
        for header, own in zip(headers, described, strict=True)
    ]
    common = _items({key: value for key, value in described[0].items() if key in shared})
    group = container(codes.IMAGE_LIBRARY_GROUP, *common, *entries, continuous=True)
    return container(codes.IMAGE_LIBRARY, group, continuous=True)


def bare_image_library(headers: Sequence[Dataset]) -> Dataset:
    """For images whose geometry was not read: references and modality."""
    entries = [image(codes.SOURCE, header, "CONTAINS") for header in headers]
    modality = coded(codes.MODALITY, codes.CT, "HAS ACQ CONTEXT")
    return container(
        codes.IMAGE_LIBRARY,
        container(codes.IMAGE_LIBRARY_GROUP, modality, *entries, continuous=True),
        continuous=True,
    )


def _descriptors(header: Dataset) -> dict[str, tuple[float, ...] | str]:
    """TID 1602 and 1604 of one image, in the order of their rows. An unknown slice thickness is
    left out.
    """
    described: dict[str, tuple[float, ...] | str] = {"Modality": "CT"}
    if "FrameOfReferenceUID" in header:
        described["FrameOfReferenceUID"] = header.FrameOfReferenceUID
    described["Matrix"] = (header.Rows, header.Columns)
    described["PixelSpacing"] = _rounded(header.PixelSpacing, LENGTH_DIGITS)
    if "SliceThickness" in header:
        described["SliceThickness"] = _rounded([header.SliceThickness], LENGTH_DIGITS)
    described["ImagePositionPatient"] = _rounded(header.ImagePositionPatient, LENGTH_DIGITS)
    described["ImageOrientationPatient"] = _rounded(
        header.ImageOrientationPatient, LENGTH_DIGITS + 2
    )
    return described


def _rounded(values: Sequence[float], digits: int) -> tuple[float, ...]:
    # + 0.0: no minus before zero
    return tuple(round(float(value), digits) + 0.0 for value in values)


def _items(described: dict[str, tuple[float, ...] | str]) -> list[Dataset]:
    items = []
    for keyword, value in described.items():
        if keyword == "Modality":
            items.append(coded(codes.MODALITY, codes.CT, "HAS ACQ CONTEXT"))
        elif isinstance(value, str):
            items.append(uid_reference(codes.FRAME_OF_REFERENCE, UID(value), "HAS ACQ CONTEXT"))
        else:
            names, unit = NUMBERS[keyword]
            items += [
                number(name, part, unit=unit, relationship="HAS ACQ CONTEXT")
                for name, part in zip(names, value, strict=True)
            ]
    return items


# PixelSpacing is between rows, then between columns (PS3.3 10.7.1.3): vertical, then horizontal.
NUMBERS = {
    "Matrix": ((codes.PIXEL_DATA_ROWS, codes.PIXEL_DATA_COLUMNS), codes.PIXELS),
    "PixelSpacing": (
        (codes.VERTICAL_PIXEL_SPACING, codes.HORIZONTAL_PIXEL_SPACING),
        codes.MILLIMETRE,
    ),
    "SliceThickness": ((codes.SLICE_THICKNESS,), codes.MILLIMETRE),
    "ImagePositionPatient": (codes.IMAGE_POSITION, codes.MILLIMETRE),
    "ImageOrientationPatient": (codes.IMAGE_ORIENTATION, codes.COSINE),
}
