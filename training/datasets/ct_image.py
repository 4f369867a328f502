"""Pixels of data sets that are no DICOM, as CT images in memory: `read_series` reads them like
everything else.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

INTERCEPT_HU = -1024
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
NAMESPACE = UUID("9b1f4a7e-6a0c-4d0e-8b59-3d5a8e1c7f42")  # of UIDs; the files have none


def made_up_uid(*what: str) -> str:
    """The same for the same words."""
    return f"2.25.{uuid5(NAMESPACE, ' '.join(what)).int}"


def ct_image(
    hu_YX: NDArray[Any],
    *,
    sop_instance_uid: str,
    study_instance_uid: str,
    series_instance_uid: str,
    number: int,
    position_mm: Iterable[float],
    orientation: Iterable[float] = AXIAL,
    spacing_mm: tuple[float, float],
) -> Dataset:
    """One slice with the attributes that `read_series` needs. position_mm: the centre of its first
    pixel. spacing_mm: between rows, between columns.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, sop_instance_uid
    dataset.Modality = "CT"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_instance_uid, series_instance_uid
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = _decimals(position_mm)
    dataset.ImageOrientationPatient = _decimals(orientation)
    dataset.PixelSpacing = _decimals(spacing_mm)
    dataset.Rows, dataset.Columns = hu_YX.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", str(INTERCEPT_HU)
    limits = np.iinfo(np.int16)
    stored_YX = np.clip(np.rint(hu_YX).astype(np.float64) - INTERCEPT_HU, limits.min, limits.max)
    dataset.PixelData = stored_YX.astype("<i2").tobytes()
    return dataset


def _decimals(values: Iterable[float]) -> list[str]:
    """As DS, of at most 16 characters."""
    return [f"{value:.8f}"[:16] for value in values]
