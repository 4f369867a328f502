"""Every DICOM image below a folder, by its header, and the files that are not used, with the
reason. No pixels are decoded.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ich_node.dicom.unreadable import PARSING_ERRORS
from training.datasets.labelled import Skip

TAGS = [
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
]
NOT_IMAGES = frozenset(
    {".csv", ".html", ".jpg", ".json", ".log", ".md", ".pdf", ".png", ".txt", ".xlsx"}
)

Progress = Callable[[int], None]


def no_progress(_: int) -> None:
    """The default where nobody watches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A file and its identity, with the size of its matrix in pixels."""

    path: Path
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    rows: int = 0
    columns: int = 0
    frames: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSeries:
    """The images of one series and patient."""

    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    images: tuple[Image, ...]


def find_images(
    folder: Path, progress: Progress = no_progress, *, patient_needed: bool = True
) -> tuple[list[ImageSeries], list[Skip]]:
    """All images, grouped by series in the order of their paths; each SOPInstanceUID once.
    progress: called with 1 for every file. patient_needed False: a table may name the patients of
    files without PatientID.
    """
    seen: dict[str, Image] = {}
    grouped: dict[tuple[str, str, str], list[Image]] = defaultdict(list)
    skipped: list[Skip] = []
    for path in _files(folder):
        progress(1)
        image = _identify(path, patient_needed=patient_needed)
        if isinstance(image, Skip):
            skipped.append(image)
            continue
        if (before := seen.setdefault(image.sop_instance_uid, image)) is not image:
            skipped.append(_second(image, before))
            continue
        grouped[image.patient_id, image.study_instance_uid, image.series_instance_uid].append(image)
    return [
        ImageSeries(
            patient_id=key[0],
            study_instance_uid=key[1],
            series_instance_uid=key[2],
            images=tuple(images),
        )
        for key, images in grouped.items()
    ], skipped


def headers(images: Sequence[Image]) -> list[Dataset]:
    """Complete headers without the pixel data, for `series.selection`."""
    return [pydicom.dcmread(image.path, defer_size=1024) for image in images]


def _files(folder: Path) -> Iterator[Path]:
    """In the order of their names. Symbolic links to folders are followed (data sets lie on other
    disks), each folder once.
    """
    visited = {folder.resolve()}
    for place, folders, names in os.walk(folder, followlinks=True):
        new = {
            name: target
            for name in sorted(folders)
            if (target := Path(place, name).resolve()) not in visited
        }
        visited |= set(new.values())
        folders[:] = new
        for name in sorted(names):
            if Path(name).suffix.lower() not in NOT_IMAGES and name != "DICOMDIR":
                yield Path(place, name)


def _second(image: Image, first: Image) -> Skip:
    if image.patient_id == first.patient_id:
        reason, detail = "a second file of the same SOPInstanceUID", f"the first: {first.path}"
    else:
        reason = "a second file of the same SOPInstanceUID, with another PatientID"
        detail = (
            f"{image.patient_id or 'none'}; the first: {first.path} of "
            f"{first.patient_id or 'none'}: is this one patient under two names?"
        )
    return Skip(what=str(image.path), reason=reason, detail=detail)


def _identify(path: Path, *, patient_needed: bool) -> Image | Skip:
    try:
        with path.open("rb") as file:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
            short = path.stat().st_size - file.tell() < _pixel_bytes(dataset)
        shape = _shape(dataset)
        sop_uid, study_uid, series_uid, patient_id = (
            str(dataset.get(keyword) or "").strip() for keyword in TAGS[:4]
        )
    except InvalidDicomError:
        return Skip(what=str(path), reason="not a DICOM file")
    except PARSING_ERRORS as error:
        return Skip(what=str(path), reason="a damaged file", detail=str(error))
    if not (sop_uid and study_uid and series_uid):
        return Skip(
            what=str(path), reason="no SOPInstanceUID, StudyInstanceUID or SeriesInstanceUID"
        )
    if patient_needed and not patient_id:
        return Skip(what=str(path), reason="no PatientID, so it cannot be split by patient")
    if short:
        return Skip(what=str(path), reason="PixelData is shorter than Rows x Columns")
    return Image(
        path=path,
        sop_instance_uid=sop_uid,
        # one string object each: RSNA has 750,000 images
        study_instance_uid=sys.intern(study_uid),
        series_instance_uid=sys.intern(series_uid),
        patient_id=sys.intern(patient_id),
        **shape,
    )


def _shape(dataset: Dataset) -> dict[str, int]:
    return {
        "rows": int(dataset.get("Rows") or 0),
        "columns": int(dataset.get("Columns") or 0),
        "frames": max(1, int(dataset.get("NumberOfFrames") or 1)),
    }


def _pixel_bytes(dataset: Dataset) -> int:
    """The least size of the Pixel Data element, tag and length included (PS3.5 §7.1); of compressed
    data the size of tag and length.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        return 8
    rows, columns, bits = (
        int(dataset.get(keyword) or 0) for keyword in ("Rows", "Columns", "BitsAllocated")
    )
    return (8 if syntax.is_implicit_VR else 12) + rows * columns * bits // 8
