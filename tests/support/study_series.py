"""Reconstructions of one acquisition, and other series of the same study."""

from typing import Any

from pydicom import Dataset

from tests.support.heads import ROOT, head_series

HEAD_MM = 110.0


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


def without_middle(datasets: list[Dataset]) -> list[Dataset]:
    """With a hole of 40 to 50 mm."""
    middle = HEAD_MM / 2
    return [
        dataset
        for dataset in datasets
        if abs(float(dataset.ImagePositionPatient[2]) - middle) > HEAD_MM / 5
    ]
