"""Classic CT series -> the multi-frame objects that other senders make of them."""

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import imagecodecs
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

ENHANCED_UID = "1.2.826.0.1.3680043.10.1624.77."
KEPT = (
    "SpecificCharacterSet",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientPosition",
    "Manufacturer",
    "ManufacturerModelName",
    "Modality",
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
)


def to_enhanced(
    datasets: Sequence[Dataset],
    *,
    order: Sequence[int] | None = None,
    intercepts: Sequence[int] = (-1024,),
    syntax: UID = ExplicitVRLittleEndian,
    has_table: bool = True,
) -> Dataset:
    """One Enhanced CT Image object.

    order: the frames, as indices of datasets. intercepts: taken in turn by the frames, and the
    stored values with them, so that the Hounsfield units stay. has_table: of encapsulated frames.
    """
    chosen = [datasets[index] for index in (range(len(datasets)) if order is None else order)]
    first = chosen[0]
    enhanced = _common(first)
    enhanced.NumberOfFrames = len(chosen)
    enhanced.SharedFunctionalGroupsSequence = [_shared(first)]
    enhanced.PerFrameFunctionalGroupsSequence = [
        _per_frame(dataset, number, intercepts[number % len(intercepts)])
        for number, dataset in enumerate(chosen)
    ]
    stored = [
        np.frombuffer(dataset.PixelData, "<i2").reshape(dataset.Rows, dataset.Columns)
        + np.int16(int(dataset.RescaleIntercept) - intercepts[number % len(intercepts)])
        for number, dataset in enumerate(chosen)
    ]
    set_pixels(enhanced, stored, syntax, has_table=has_table)
    return enhanced


def concatenation(datasets: Sequence[Dataset], sizes: Sequence[int]) -> list[Dataset]:
    """The same in several objects of the given numbers of frames."""
    parts, offset = [], 0
    for number, size in enumerate(sizes, start=1):
        part = to_enhanced(datasets[offset : offset + size])
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = (
            f"{ENHANCED_UID}3.{number}"
        )
        part.SOPInstanceUIDOfConcatenationSource = f"{ENHANCED_UID}3"
        part.ConcatenationUID = f"{ENHANCED_UID}4"
        part.InConcatenationNumber, part.InConcatenationTotalNumber = number, len(sizes)
        part.ConcatenationFrameOffsetNumber = offset
        part.InstanceNumber = 1
        parts.append(part)
        offset += size
    return parts


def to_legacy_converted(datasets: Sequence[Dataset], **options: Any) -> Dataset:
    """The Legacy Converted Enhanced CT Image object that highdicom makes."""
    return hd.legacy.LegacyConvertedEnhancedCTImage(
        datasets,
        series_instance_uid=f"{ENHANCED_UID}5",
        series_number=5,
        sop_instance_uid=f"{ENHANCED_UID}6",
        instance_number=1,
        **options,
    )


def set_pixels(
    dataset: Dataset, stored: Sequence[np.ndarray], syntax: UID, *, has_table: bool = True
) -> None:
    """The frames, uncompressed or compressed without loss."""
    dataset.file_meta.TransferSyntaxUID = syntax
    if not syntax.is_compressed:
        dataset.PixelData = b"".join(frame_YX.astype("<i2").tobytes() for frame_YX in stored)
        dataset["PixelData"].VR = "OW"
        return
    frames = [_compressed(frame_YX, syntax) for frame_YX in stored]
    dataset.PixelData = encapsulate(frames, has_bot=has_table)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _compressed(frame_YX: np.ndarray, syntax: UID) -> bytes:
    if syntax == RLELossless:
        rows, columns = frame_YX.shape
        return RLELosslessEncoder.encode(
            frame_YX.astype("<i2").tobytes(),
            rows=rows,
            columns=columns,
            samples_per_pixel=1,
            bits_allocated=16,
            bits_stored=16,
            pixel_representation=1,
            photometric_interpretation="MONOCHROME2",
            number_of_frames=1,
        )
    unsigned_YX = frame_YX.astype("<i2").view("<u2")
    if syntax == JPEGLSLossless:
        return bytes(imagecodecs.jpegls_encode(unsigned_YX))
    assert syntax == JPEG2000Lossless
    return bytes(imagecodecs.jpeg2k_encode(frame_YX.astype("<i2"), codecformat="j2k", level=0))


def _common(first: Dataset) -> Dataset:
    enhanced = Dataset()
    enhanced.file_meta = FileMetaDataset()
    enhanced.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    enhanced.file_meta.MediaStorageSOPInstanceUID = f"{ENHANCED_UID}2"
    for keyword in KEPT:
        if keyword in first:
            enhanced[keyword] = first[keyword]
    enhanced.SOPClassUID, enhanced.SOPInstanceUID = EnhancedCTImageStorage, f"{ENHANCED_UID}2"
    enhanced.SeriesInstanceUID = f"{ENHANCED_UID}1"
    enhanced.InstanceNumber = 1
    enhanced.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    enhanced.AcquisitionNumber = 1
    enhanced.AcquisitionDateTime = f"{first.StudyDate}{first.StudyTime}"
    enhanced.ContentDate, enhanced.ContentTime = first.StudyDate, first.StudyTime
    enhanced.DeviceSerialNumber = enhanced.SoftwareVersions = "1"
    enhanced.PixelPresentation, enhanced.VolumetricProperties = "MONOCHROME", "VOLUME"
    enhanced.VolumeBasedCalculationTechnique = "NONE"
    enhanced.ContentQualification = "PRODUCT"
    enhanced.BurnedInAnnotation, enhanced.LossyImageCompression = "NO", "00"
    enhanced.PresentationLUTShape = "IDENTITY"
    enhanced.AcquisitionContextSequence = []
    organization = _item(DimensionOrganizationUID=f"{ENHANCED_UID}7")
    enhanced.DimensionOrganizationSequence = [organization]
    enhanced.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=f"{ENHANCED_UID}7",
            DimensionIndexPointer=0x00209057,
            FunctionalGroupPointer=0x00209111,
        )
    ]
    return enhanced


def _shared(first: Dataset) -> Dataset:
    frame_type = _item(
        FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )
    region = _item(CodeValue="69536005", CodingSchemeDesignator="SCT", CodeMeaning="Head")
    return _item(
        CTImageFrameTypeSequence=[frame_type],
        FrameAnatomySequence=[_item(FrameLaterality="U", AnatomicRegionSequence=[region])],
        PixelMeasuresSequence=[
            _item(PixelSpacing=list(first.PixelSpacing), SliceThickness=first.SliceThickness)
        ],
        PlaneOrientationSequence=[
            _item(ImageOrientationPatient=list(first.ImageOrientationPatient))
        ],
        FrameVOILUTSequence=[_item(WindowCenter="40", WindowWidth="80")],
        CTReconstructionSequence=[
            _item(
                ReconstructionAlgorithm="FILTER_BACK_PROJ",
                ConvolutionKernel="H31s",
                ConvolutionKernelGroup="BRAIN",
            )
        ],
        CTAcquisitionTypeSequence=[_item(AcquisitionType="SEQUENCED")],
        CTXRayDetailsSequence=[_item(KVP="120")],
    )


def _per_frame(dataset: Dataset, index: int, intercept: int) -> Dataset:
    """In-stack positions and dimension indices follow the order of the frames, not their place."""
    content = _item(
        FrameAcquisitionNumber=1,
        FrameAcquisitionDateTime=f"{dataset.StudyDate}{dataset.StudyTime}",
        StackID="1",
        InStackPositionNumber=index + 1,
        DimensionIndexValues=[index + 1],
    )
    return _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=list(dataset.ImagePositionPatient))],
        PixelValueTransformationSequence=[
            _item(RescaleIntercept=str(intercept), RescaleSlope="1", RescaleType="HU")
        ],
    )


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
