"""A slice as CT Image Storage (PS3.3 A.3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID, uuid5

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from ich_node.dicom.identity import PHANTOM_MODEL_NAME, PRODUCT
from ich_node.phantom.frame import Field

NAMESPACE = UUID("5e0a6c2e-5f0b-4d8e-9f3a-9c1a5a0f6d11")  # of every UID of a phantom
EPOCH = datetime(2020, 1, 1, 8, 0)  # noqa: DTZ001 - DICOM times are local times
INTERCEPT_HU = -1024


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """The arguments that a phantom study was made with. Its UIDs are hashes of them."""

    seed: int
    kinds: tuple[str, ...]
    rows: int
    pixel_mm: float
    slice_mm: float
    tilt_deg: float
    padding_hu: int

    @property
    def study_instance_uid(self) -> UID:
        return self._uid("study")

    @property
    def series_instance_uid(self) -> UID:
        return self._uid("series")

    @property
    def frame_of_reference_uid(self) -> UID:
        return self._uid("frame of reference")

    def sop_instance_uid(self, index: int) -> UID:
        return self._uid(f"slice {index}")

    @cached_property
    def at(self) -> datetime:
        """The time of the scan in the headers."""
        return EPOCH + timedelta(minutes=7 * (self.seed % 200_000))

    def _uid(self, what: str) -> UID:
        return UID(f"2.25.{uuid5(NAMESPACE, f'{self!r} {what}').int}")


def slice_dataset(
    acquisition: Acquisition,
    *,
    index: int,
    hu_YX: Field,
    level_mm: float,
    patient_id: str,
    patient_name: str,
) -> Dataset:
    """The CT Image object of one slice, Explicit VR Little Endian, ready to be saved or sent."""
    dataset = Dataset()
    dataset.file_meta = _file_meta(acquisition, index)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _add_study_and_series(dataset, acquisition, index)
    dataset.PatientName = patient_name
    dataset.PatientID = patient_id
    _add_patient(dataset, acquisition)
    _add_acquisition(dataset, acquisition)
    _add_geometry(dataset, acquisition, level_mm)
    _add_pixels(dataset, acquisition, hu_YX)
    return dataset


def _file_meta(acquisition: Acquisition, index: int) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = acquisition.sop_instance_uid(index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _add_study_and_series(dataset: Dataset, acquisition: Acquisition, index: int) -> None:
    day, time = acquisition.at.strftime("%Y%m%d"), acquisition.at.strftime("%H%M%S")
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = acquisition.sop_instance_uid(index)
    dataset.StudyInstanceUID = acquisition.study_instance_uid
    dataset.SeriesInstanceUID = acquisition.series_instance_uid
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = day
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = time
    dataset.AccessionNumber = ""
    dataset.Modality = "CT"
    dataset.StudyDescription = "Synthetic head CT"
    dataset.SeriesDescription = f"Synthetic head {acquisition.slice_mm:g} mm"
    dataset.StudyID = str(acquisition.seed % 10**16)
    dataset.SeriesNumber = 2
    dataset.AcquisitionNumber = 1
    dataset.InstanceNumber = index + 1


def _add_patient(dataset: Dataset, acquisition: Acquisition) -> None:
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientAge = f"{30 + acquisition.seed % 60:03d}Y"
    dataset.ReferringPhysicianName = ""


def _add_acquisition(dataset: Dataset, acquisition: Acquisition) -> None:
    dataset.Manufacturer = PRODUCT
    dataset.ManufacturerModelName = PHANTOM_MODEL_NAME
    dataset.BodyPartExamined = "HEAD"
    dataset.ScanOptions = "AXIAL MODE"
    dataset.SliceThickness = f"{acquisition.slice_mm:g}"
    dataset.KVP = "120"
    dataset.DataCollectionDiameter = "500"
    dataset.ReconstructionDiameter = f"{acquisition.rows * acquisition.pixel_mm:.4g}"
    dataset.GantryDetectorTilt = f"{acquisition.tilt_deg:g}"
    dataset.ConvolutionKernel = "H31s"
    dataset.BurnedInAnnotation = "NO"


def _add_geometry(dataset: Dataset, acquisition: Acquisition, level_mm: float) -> None:
    """The table moves along the patient, and the gantry is tilted: the slices are parallel, and
    sheared against each other.
    """
    tilt = np.deg2rad(acquisition.tilt_deg)
    half = (acquisition.rows - 1) / 2 * acquisition.pixel_mm
    level = level_mm / np.cos(tilt)  # so that slices lie slice_mm apart along their normal
    position = (-half, -half * np.cos(tilt), level - half * np.sin(tilt))
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = acquisition.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = [_decimal(value) for value in position]
    dataset.ImageOrientationPatient = [
        _decimal(value) for value in (1, 0, 0, 0, np.cos(tilt), np.sin(tilt))
    ]
    dataset.SliceLocation = _decimal(level)
    dataset.PixelSpacing = [f"{acquisition.pixel_mm:g}"] * 2


def _decimal(value: float) -> str:
    """A DS of at most 16 characters, without a negative zero."""
    return f"{value + 0.0:.6f}".rstrip("0").rstrip(".") if abs(value) > 5e-7 else "0"


def _add_pixels(dataset: Dataset, acquisition: Acquisition, hu_YX: Field) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu_YX.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.PixelPaddingValue = acquisition.padding_hu - INTERCEPT_HU
    dataset.WindowCenter, dataset.WindowWidth = "40", "80"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = (
        str(INTERCEPT_HU),
        "1",
        "HU",
    )
    dataset.PixelData = (hu_YX - INTERCEPT_HU).astype("<i2").tobytes()
