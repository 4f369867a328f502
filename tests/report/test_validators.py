"""What independent implementations say of the results."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ich_node.report import Predecessor, ReportOptions, ResultObject, SourceSeries
from ich_node.report.identity import IDENTITY, TYPE_2
from ich_node.series.series import Series, Slice
from tests.support.extended import sampled
from tests.support.report.odd_headers import in_japanese, invalidate
from tests.support.report.report_examples import (
    finding,
    make_source,
    negative_reading,
    positive_reading,
    read_by_hand,
    refused,
    report,
)
from tests.support.report.sr_tree import faults, walk
from tests.support.report.validators import dciodvfy, dcmpschk, dcmtk, pixelmed


def nothing(dataset: Dataset) -> None:
    """A header as it should be."""


def without_type_2(dataset: Dataset) -> None:
    for keyword in TYPE_2:
        dataset.pop(keyword, None)


def without_thickness(dataset: Dataset) -> None:
    dataset.SliceThickness = None


def invalidate_what_identifies_nobody(dataset: Dataset) -> None:
    """An illegal identity is copied as it came (test_golden.py)."""
    kept = {keyword: dataset[keyword] for keyword in IDENTITY if keyword in dataset}
    invalidate(dataset)
    for keyword, element in kept.items():
        dataset[keyword] = element


HEADERS: dict[str, Callable[[Dataset], None]] = {
    "complete": nothing,
    "missing type 2": without_type_2,
    "invalid values": invalidate_what_identifies_nobody,
    "Japanese": in_japanese,
    "no thickness": without_thickness,
}


def save(results: list[ResultObject], folder: Path) -> list[Path]:
    paths = [folder / f"{result.kind}{index}.dcm" for index, result in enumerate(results)]
    for path, result in zip(paths, results, strict=True):
        path.write_bytes(result.encode())
    return paths


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("read", [positive_reading, negative_reading])
def test_dciodvfy_accepts(header, read, need, tmp_path):
    """No error, and no warning but those about the spatial attributes of the overlay, whatever the
    source header lacks.
    """
    tool = need("dciodvfy")
    source = make_source(change=HEADERS[header], rows=128, columns=128)
    for path in save(report(source, read(source)), tmp_path):
        assert dciodvfy(tool, path) == []


def test_dciodvfy_accepts_results_without_a_frame_of_reference(need, tmp_path):
    """A source without FrameOfReferenceUID, and with the smallest matrix."""
    tool = need("dciodvfy")
    source = make_source(frame=None, rows=128, columns=128)
    for path in save(report(source, positive_reading(source)), tmp_path):
        assert dciodvfy(tool, path) == []


def predecessor_of(report_: ResultObject) -> Predecessor:
    return Predecessor(
        series_instance_uid=report_.dataset.SeriesInstanceUID,
        sop_class_uid=report_.sop_class_uid,
        sop_instance_uid=report_.sop_instance_uid,
    )


DOCUMENTS: dict[str, Callable[[], ResultObject]] = {
    "positive, second revision": lambda: positive_second_revision()[0],
    "negative": lambda: report(make_source(), negative_reading(make_source()))[0],
    "could not be analysed": lambda: refused(make_source()),
    "key objects": lambda: positive_second_revision()[-1],
    "positive, Enhanced SR": lambda: positive_second_revision(sr_class="enhanced")[0],
    "positive, Comprehensive SR": lambda: positive_second_revision(sr_class="comprehensive")[0],
}


def positive_second_revision(**options: object) -> list[ResultObject]:
    source = make_source(rows=128, columns=128)
    first = report(source, negative_reading(source))[0]
    second = replace(source, revision=2, predecessor=predecessor_of(first))
    return report(
        second,
        positive_reading(second),
        options=ReportOptions(max_overlays=0, summary=(), **options),
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_valid(name, need, tmp_path):
    """dciodvfy, and DCMTK on every relationship and coordinate."""
    (path,) = save([DOCUMENTS[name]()], tmp_path)
    assert dciodvfy(need("dciodvfy"), path) == []
    assert dcmtk(need("dsrdump"), path) == []


@pytest.mark.parametrize(
    "name",
    sampled(["positive, second revision", "negative", "could not be analysed", "key objects"]),
)
def test_the_template_validator_accepts(name, need, tmp_path):
    """PixelMed's rules of TID 1500 and TID 2010; 20 seconds a file, so on small ones."""
    tool = need("DicomSRValidator")
    (path,) = save([DOCUMENTS[name]()], tmp_path)
    assert pixelmed(tool, path) == []


def without_image(document: Dataset) -> None:
    """The first point of the tree loses the image that it lies on."""
    next(item for item in walk(document) if item.ValueType == "SCOORD").ContentSequence = []


FAULTS: dict[str, tuple[str, str, Callable[[Dataset], object]]] = {
    "evidence is missing": (
        "dciodvfy",
        "sr",
        lambda dataset: dataset.pop("CurrentRequestedProcedureEvidenceSequence"),
    ),
    "no patient's sex": ("dciodvfy", "sr", lambda dataset: setattr(dataset, "PatientSex", "U")),
    "no conversion type": ("dciodvfy", "overlay", lambda dataset: dataset.pop("ConversionType")),
    "annotation neither burned in nor not": (
        "dciodvfy",
        "overlay",
        lambda dataset: setattr(dataset, "BurnedInAnnotation", "?"),
    ),
    "no planar configuration": (
        "dciodvfy",
        "summary",
        lambda dataset: dataset.pop("PlanarConfiguration"),
    ),
    "no label of the state": (
        "dciodvfy",
        "presentation_state",
        lambda dataset: dataset.pop("ContentLabel"),
    ),
    "no images of the state": (
        "dcmpschk",
        "presentation_state",
        lambda dataset: dataset.pop("ReferencedSeriesSequence"),
    ),
    "an odd number of coordinates": (
        "dsrdump",
        "sr",
        lambda dataset: setattr(
            next(item for item in walk(dataset) if item.ValueType == "SCOORD"), "GraphicData", [1.0]
        ),
    ),
    "a foreign image among the key objects": (
        "dciodvfy",
        "key_objects",
        lambda dataset: setattr(
            dataset.ContentSequence[-1].ReferencedSOPSequence[0],
            "ReferencedSOPInstanceUID",
            "1.2.3",
        ),
    ),
    "no rescale to real-world values": (
        "dciodvfy",
        "parametric_map",
        lambda dataset: dataset.SharedFunctionalGroupsSequence[0].pop(
            "RealWorldValueMappingSequence"
        ),
    ),
}
CHECKS = {"dciodvfy": dciodvfy, "dsrdump": dcmtk, "dcmpschk": dcmpschk}


@pytest.fixture(scope="module")
def every_kind() -> list[ResultObject]:
    """Results of every kind; tests copy what they break."""
    source = make_source(rows=128, columns=128)
    return report(source, positive_reading(source), options=ReportOptions(parametric_map=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_validators_do_find_faults(fault, every_kind, need, tmp_path):
    """One fault put into a good object: a check that passed everything would be worth nothing."""
    tool, kind, break_it = FAULTS[fault]
    dataset = deepcopy(next(result.dataset for result in every_kind if result.kind == kind))
    break_it(dataset)
    path = tmp_path / "broken.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    assert CHECKS[tool](need(tool), path)


def to_slice(dataset: Dataset) -> Slice:
    """A Slice of zeros with the geometry of a real header."""
    shape = (dataset.Rows, dataset.Columns)
    return Slice(
        sop_instance_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        hu_YX=np.zeros(shape, np.int16),
        padding_YX=np.zeros(shape, bool),
        pixel_spacing_mm=tuple(map(float, dataset.PixelSpacing)),
        image_position_mm=tuple(map(float, dataset.ImagePositionPatient)),
        image_orientation=tuple(map(float, dataset.ImageOrientationPatient)),
        position_mm=float(dataset.ImagePositionPatient[2]),
        frame_of_reference_uid=dataset.get("FrameOfReferenceUID"),
    )


@pytest.mark.parametrize(
    "name", ["positive/cq500-sdh-412", "positive/cq500-ivh-80", "negative/cq500-47"]
)
def test_results_of_real_headers_are_valid(name, real_series, need, tmp_path):
    """Headers as scanners and archives left them: dciodvfy and our own tree check find nothing."""
    datasets = sorted(real_series(name), key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    series = Series(
        study_instance_uid=str(datasets[0].StudyInstanceUID),
        series_instance_uid=str(datasets[0].SeriesInstanceUID),
        slices=tuple(to_slice(dataset) for dataset in datasets),
    )
    source = SourceSeries(series=series, datasets=datasets, digest="00" * 32, revision=1)
    probabilities = [0.1] * len(datasets)
    probabilities[10] = 0.9
    results = report(source, read_by_hand(source, probabilities, {10: (finding(200, 220, 0.9),)}))
    assert faults(results[0].dataset, series) == []
    tool = need("dciodvfy")
    # a name of one component is the source's to give
    named = (
        "Warning - </PatientName(0010,0010)[1]> - Value dubious for this VR [PN]"
        f" = <{datasets[0].PatientName}>"
    )
    for path in save(results, tmp_path):
        assert set(dciodvfy(tool, path)) <= {f"{named} - Retired Person Name form"}
