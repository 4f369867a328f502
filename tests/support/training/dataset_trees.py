"""Small trees in the layouts of the real data sets, with heads by formula."""

import csv
import struct
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from tests.support.heads import ROOT, head_hu, head_series, head_slice
from training.datasets.ct_ich_table import COLUMNS as CT_ICH_COLUMNS
from training.datasets.rsna import SUBTYPES

READS = (
    "ICH",
    "IPH",
    "IVH",
    "SDH",
    "EDH",
    "SAH",
    "BleedLocation-Left",
    "BleedLocation-Right",
    "ChronicBleed",
    "Fracture",
)


def save(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_table(path: Path, header: list[str], rows: list[list[Any]], *, bom: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def rsna_rows(identity: str, *kinds: str) -> list[list[Any]]:
    """The six rows of an image."""
    positive = {*kinds, "any"} if kinds else set()
    return [[f"{identity}_{subtype}", int(subtype in positive)] for subtype in SUBTYPES]


def rsna_image(folder: Path, number: int, **attributes: Any) -> str:
    """One image as the challenge gave it: ids in place of UIDs, no InstanceNumber, no thickness;
    returns its id.
    """
    identity = f"ID_{number:09x}"
    dataset = head_slice(number % 12, **attributes)
    dataset.SOPInstanceUID = identity
    for keyword in ("SOPClassUID", "InstanceNumber", "SliceThickness", "FrameOfReferenceUID"):
        dataset.pop(keyword, None)
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    path = folder / "stage_2_train" / f"{identity}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}9.{number}"
    dataset.save_as(path, enforce_file_format=True)
    return identity


def rsna_tree(folder: Path, *, patients: int = 2, positive: int = 3) -> list[str]:
    """Heads of 12 slices; `positive` slices of the first patient bleed. Returns the ids."""
    rows, identities = [], []
    for patient in range(patients):
        for index in range(12):
            identity = rsna_image(
                folder,
                patient * 12 + index,
                PatientID=f"ID_p{patient}",
                StudyInstanceUID=f"ID_study{patient}",
                SeriesInstanceUID=f"ID_series{patient}",
            )
            identities.append(identity)
            rows += rsna_rows(
                identity, *(["subdural", "epidural"] if patient == 0 and index < positive else [])
            )
    write_table(folder / "stage_2_train.csv", ["ID", "Label"], rows)
    return identities


def cq500_series(
    folder: Path, patient: int, description: str, *, number: int = 1, **attributes: Any
) -> list[Dataset]:
    """One series at its genuine place."""
    datasets = head_series(
        PatientID=f"CQ500-CT-{patient}",
        StudyInstanceUID=f"{ROOT}{patient}",
        SeriesInstanceUID=f"{ROOT}{patient}.{number}",
        SeriesDescription=description,
        **attributes,
    )
    name = f"CQ500CT{patient} CQ500CT{patient}"
    for index, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"{ROOT}{patient}.{number}.{index + 1}"
        save(
            dataset,
            folder
            / name
            / "Unknown Study"
            / f"CT {description.replace('/', '_')}"
            / f"CT{index:06d}.dcm",
        )
    return datasets


def cq500_table(folder: Path, votes: dict[int, tuple[int, int, int]]) -> Path:
    """reads.csv; each vote says ICH and SDH."""
    header = [
        "name",
        "Category",
        *(f"R{reader}:{answer}" for reader in (1, 2, 3) for answer in READS),
    ]
    rows = [
        [
            f"CQ500-CT-{patient}",
            "B1",
            *(int(bool(vote) and answer in ("ICH", "SDH")) for vote in three for answer in READS),
        ]
        for patient, three in votes.items()
    ]
    return write_table(folder / "reads.csv", header, rows)


def bhx_table(
    folder: Path, boxes: list[tuple[Dataset, str]], name: str = "1_Initial_Manual_Labeling.csv"
) -> Path:
    """One box an entry, at x 20, y 30, 10 wide and 16 high."""
    header = [
        "",
        "SOPInstanceUID",
        "SeriesInstanceUID",
        "StudyInstanceUID",
        "data",
        "labelName",
        "labelType",
    ]
    data = "{'x': 20.5, 'y': 30.25, 'width': 10.0, 'height': 16.5}"
    rows = [
        [
            number,
            dataset.SOPInstanceUID,
            dataset.SeriesInstanceUID,
            dataset.StudyInstanceUID,
            data,
            kind,
            "handDrawn",
        ]
        for number, (dataset, kind) in enumerate(boxes)
    ]
    return write_table(folder / name, header, rows)


def write_nifti(
    path: Path, values_SYX: np.ndarray, *, pixel_mm: float = 1.6, slice_mm: float = 10.0
) -> Path:
    """A volume that lies as NIfTI usually does: first axis to the right, second to the front, so
    mirrored twice.
    """
    slices, rows, columns = values_SYX.shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, pixel_mm, pixel_mm, slice_mm, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into(
        "<12f", header, 280, pixel_mm, 0, 0, -100, 0, pixel_mm, 0, -100, 0, 0, slice_mm, 0
    )
    header[344:348] = b"n+1\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + values_SYX[:, ::-1, ::-1].astype("<i2").tobytes())
    return path


def ct_ich_tree(
    folder: Path, *, patients: tuple[int, ...] = (49, 50), count: int = 12
) -> np.ndarray:
    """Heads; slice 4 of each shows subdural bleeding with a mask. Returns hu_SYX of every head."""
    hu_SYX = np.stack([head_hu(level=index / (count - 1)) for index in range(count)])
    mask_SYX = np.zeros_like(hu_SYX)
    mask_SYX[3, 40:50, 60:80] = 255
    rows = []
    for patient in patients:
        write_nifti(folder / "ct_scans" / f"{patient:03d}.nii", hu_SYX)
        write_nifti(folder / "masks" / f"{patient:03d}.nii", mask_SYX)
        for index in range(count):
            bleeds = int(index == 3)
            rows.append([patient, index + 1, 0, 0, 0, 0, bleeds, 1 - bleeds, 0])
    write_table(
        folder / "hemorrhage_diagnosis_raw_ct.csv",
        [*CT_ICH_COLUMNS, "Fracture_Yes_No"],
        rows,
        bom=True,
    )
    return hu_SYX
