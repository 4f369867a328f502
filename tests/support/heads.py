"""A small head CT by formula, as datasets: skull, brain, air. For tests that change one thing at a
time.
"""

from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.1624."
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def head_hu(rows: int = 128, columns: int = 128, *, level: float = 0.5) -> np.ndarray:
    """hu_YX int16: an ellipse of skull around brain. level: 0 at the skull base, 1 at the vertex,
    where the ellipses of a whole head are small.
    """
    size = max(0.05, 1 - 0.95 * (2 * level - 1) ** 2) ** 0.5
    row_YX, column_YX = np.meshgrid(
        np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij"
    )
    radius_YX = np.hypot(row_YX / (0.8 * size), column_YX / (0.67 * size))
    hu_YX = np.where(radius_YX < 1, 900.0, -1000.0)
    hu_YX = np.where(
        radius_YX < 0.9, 33 + 4 * np.sin(20 * row_YX + 7 * level) * np.cos(17 * column_YX), hu_YX
    )
    return np.rint(hu_YX).astype(np.int16)


def head_slice(
    index: int, *, count: int = 12, rows: int = 128, columns: int = 128, **attributes: Any
) -> Dataset:
    """One CT image of a series of `count` slices, 10 mm apart; attributes replace header values,
    None deletes them.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"{ROOT}1.1.{index + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{ROOT}1", f"{ROOT}1.1"
    dataset.FrameOfReferenceUID = f"{ROOT}1.2"
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = (
        "Doe^Jane",
        "P1",
        "19500101",
        "F",
    )
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = (
        "20260101",
        "101500",
        "1",
        "A1",
    )
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = "Test"
    dataset.SeriesNumber, dataset.InstanceNumber = 2, index + 1
    dataset.PatientPosition = "HFS"
    dataset.KVP, dataset.SliceThickness = "120", "10"
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = (
        [-100.0, -100.0, 10.0 * index],
        AXIAL,
    )
    dataset.PixelSpacing = [1.6, 1.6]
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = (
        16,
        16,
        15,
        1,
    )
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.PixelData = (
        (head_hu(rows, columns, level=index / max(1, count - 1)) + 1024).astype("<i2").tobytes()
    )
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def head_series(count: int = 12, **attributes: Any) -> list[Dataset]:
    """The slices of one head, every one with the given attributes."""
    return [head_slice(index, count=count, **attributes) for index in range(count)]
