"""Small labelled series on disk, and a bundle with untrained weights to read them."""

from pathlib import Path

import torch

from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.network import MilNetwork, NetworkSpec
from tests.support.heads import head_series
from training.datasets import Box, LabelledSeries, LabelledSlice

SIZE_PX = 64


def bundle_of(rule: PeakRule, size_px: int = SIZE_PX) -> Bundle:
    torch.manual_seed(0)
    spec = NetworkSpec()
    card = Card(
        name="test",
        network_spec=spec,
        input=InputSpec(size_px=size_px),
        peak_rule=rule,
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=0.5),
        provenance=Provenance(source="a test", created="2026-01-01"),
        licence="Apache-2.0",
    )
    return load_bundle(pack_bundle(card, dict(MilNetwork(spec).state_dict())), origin="test")


def write_series(
    folder: Path, patient: str, *, boxes: dict[int, tuple[Box, ...]], **attributes
) -> LabelledSeries:
    """A head of 12 slices; boxes: of the slices by index. attributes replace header values."""
    folder.mkdir(exist_ok=True)
    slices = []
    for index, dataset in enumerate(head_series(12, **attributes)):
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, f"{dataset[keyword].value}.{ord(patient)}")
        dataset.PatientID = patient
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        slices.append(
            LabelledSlice(
                sop_instance_uid=str(dataset.SOPInstanceUID),
                patient_id=patient,
                study_instance_uid=str(dataset.StudyInstanceUID),
                series_instance_uid=str(dataset.SeriesInstanceUID),
                path=path,
                label=index in boxes,
                boxes=boxes.get(index, ()),
            )
        )
    return LabelledSeries(
        source="phantom",
        patient_id=patient,
        study_instance_uid=slices[0].study_instance_uid,
        series_instance_uid=slices[0].series_instance_uid,
        slices=tuple(slices),
        label=bool(boxes),
    )
