"""Every DICOM image below a folder by its header alone, and what is there besides, with the reason. No pixels are decoded."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from training.datasets.labelled import Skip

TAGS = ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "Rows", "Columns", "BitsAllocated"]
NOT_IMAGES = frozenset({".csv", ".html", ".jpg", ".json", ".log", ".md", ".pdf", ".png", ".txt", ".xlsx"})

Progress = Callable[[int], None]


def no_progress(_: int) -> None:
    """For who does not watch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """Who a file is."""

    path: Path
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSeries:
    """The images of one series and patient."""

    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    images: tuple[Image, ...]


def find_images(folder: Path, progress: Progress = no_progress) -> tuple[list[ImageSeries], list[Skip]]:
    """All images, grouped by series in the order of their paths; each SOPInstanceUID once. progress: called with 1 a file."""
    seen: dict[str, Path] = {}
    grouped: dict[tuple[str, str, str], list[Image]] = defaultdict(list)
    skipped: list[Skip] = []
    names: dict[str, str] = {}  # one string object a UID: RSNA has 750,000 images
    for path in _files(folder):
        progress(1)
        image = _identify(path)
        if isinstance(image, Skip):
            skipped.append(image)
            continue
        if (before := seen.setdefault(image.sop_instance_uid, path)) != path:
            skipped.append(Skip(what=str(path), reason="a second file of the same SOPInstanceUID", detail=f"the first: {before}"))
            continue
        key = (image.patient_id, image.study_instance_uid, image.series_instance_uid)
        patient_id, study_uid, series_uid = (names.setdefault(name, name) for name in key)
        grouped[key].append(
            Image(
                path=path,
                sop_instance_uid=image.sop_instance_uid,
                study_instance_uid=study_uid,
                series_instance_uid=series_uid,
                patient_id=patient_id,
            )
        )
    return [
        ImageSeries(patient_id=key[0], study_instance_uid=key[1], series_instance_uid=key[2], images=tuple(images))
        for key, images in grouped.items()
    ], skipped


def headers(images: Sequence[Image]) -> list[Dataset]:
    """Whole headers, with the pixel data left on disk: enough for `detection.selection`."""
    return [pydicom.dcmread(image.path, defer_size=1024) for image in images]


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() not in NOT_IMAGES and name != "DICOMDIR":
                yield Path(place, name)


def _identify(path: Path) -> Image | Skip:
    try:
        with path.open("rb") as file:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
            bytes_left = path.stat().st_size - file.tell()
    except InvalidDicomError:
        return Skip(what=str(path), reason="not a DICOM file")
    except (OSError, ValueError, EOFError, NotImplementedError) as error:
        return Skip(what=str(path), reason="an unreadable file", detail=str(error))
    patient_id = str(dataset.get("PatientID") or "")
    uids = [str(dataset.get(keyword) or "") for keyword in TAGS[:3]]
    if not all(uids):
        missing = ", ".join(keyword for keyword, uid in zip(TAGS[:3], uids, strict=True) if not uid)
        return Skip(what=str(path), reason="UIDs are missing", detail=missing)
    if not patient_id:
        return Skip(what=str(path), reason="no PatientID, so it cannot be split by patient")
    if bytes_left < _pixel_bytes(dataset):
        return Skip(what=str(path), reason="PixelData is shorter than Rows x Columns")
    return Image(
        path=path, sop_instance_uid=uids[0], study_instance_uid=uids[1], series_instance_uid=uids[2], patient_id=patient_id
    )


def _pixel_bytes(dataset: Dataset) -> int:
    """What the Pixel Data element must take at least, tag and length included (PS3.5 §7.1); of compressed data only these."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        return 8
    rows, columns, bits = (int(dataset.get(keyword) or 0) for keyword in ("Rows", "Columns", "BitsAllocated"))
    return (8 if syntax.is_implicit_VR else 12) + rows * columns * bits // 8
