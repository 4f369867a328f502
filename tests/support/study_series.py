"""Reconstructions of one acquisition, and other series of the same study."""

from typing import Any

import numpy as np
from pydicom import Dataset

from tests.support.heads import ROOT, head_series

HEAD_MM = 110.0
# as stored, with an intercept of -1024
BONE, SOFT = 1024 + 200, 1024 + 40


def reconstruction(
    number: int, thickness_mm: float = 10.0, *, at: str = "101500", **attributes: Any
) -> list[Dataset]:
    """Series `number` of a study: a head of 110 mm in slices of this thickness, acquired at that
    time.
    """
    count = round(HEAD_MM / thickness_mm) + 1
    datasets = head_series(count, **attributes)
    for index, dataset in enumerate(datasets):
        dataset.SeriesInstanceUID = f"{ROOT}2.{number}"
        dataset.SOPInstanceUID = f"{ROOT}2.{number}.{index + 1}"
        dataset.SeriesNumber, dataset.SliceThickness = number, f"{thickness_mm:g}"
        dataset.AcquisitionDate, dataset.AcquisitionTime = "20260101", at
        dataset.ImagePositionPatient = [-100.0, -100.0, thickness_mm * index]
        dataset.setdefault("ConvolutionKernel", "H31s")
    return datasets


def chest(number: int, thickness_mm: float = 10.0, **attributes: Any) -> list[Dataset]:
    """Soft tissue without a skull, under the name of another part."""
    datasets = reconstruction(number, thickness_mm, BodyPartExamined="CHEST", **attributes)
    for dataset in datasets:
        stored_YX = np.frombuffer(dataset.PixelData, "<i2")
        dataset.PixelData = np.where(stored_YX > BONE, SOFT, stored_YX).astype("<i2").tobytes()
    return datasets


def without_middle(datasets: list[Dataset]) -> list[Dataset]:
    """With a hole of 40 to 50 mm."""
    middle = HEAD_MM / 2
    return [
        dataset
        for dataset in datasets
        if abs(float(dataset.ImagePositionPatient[2]) - middle) > HEAD_MM / 5
    ]
