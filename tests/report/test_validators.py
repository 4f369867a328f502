"""What independent implementations say of the results."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from report_examples import finding, make_source, negative_reading, positive_reading, read_by_hand, report
from sr_tree import faults
from test_evidence import from_file, in_japanese, invalidate

from ich_node.detection.series import Series, Slice
from ich_node.report import ResultObject, Source
from ich_node.report.evidence import TYPE_2

# This edition of the tool does not know the spatial modules of the current Secondary Capture IOD; a DICOMDIR is not our purpose.
TOLERATED = re.compile(
    r"Warning - </(SliceThickness|ImagePositionPatient|ImageOrientationPatient|FrameOfReferenceUID|PositionReferenceIndicator)"
    r"\(\w{4},\w{4}\)> - Attribute is not present in standard DICOM IOD"
    r"|Warning - .* - Missing attribute or value that would be needed to build DICOMDIR"
    r"|Warning - </PatientName.* - Retired Person Name form"  # a name of one component is the source's to give
)
# The tool itself places AccessionNumber in two information entities.
OWN_DISAGREEMENT = "Different information entities for attribute - Element=<AccessionNumber>"
# This edition of the template has no row for qualitative evaluations.
QUALITATIVE = re.compile(r'Warning: .*/CODE \(1386000,SCT,"Intracranial hemorrhage"\): Content Item not in template')
# JDK 17 limits XPath to fewer operators than the validator's style sheets have; it would die with exit code 0.
JAVA_OPTIONS = "-Djdk.xml.xpathTotalOpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathExprGrpLimit=0"


def nothing(dataset: Dataset) -> None:
    """A header as it should be."""


def without_type_2(dataset: Dataset) -> None:
    for keyword in TYPE_2:
        dataset.pop(keyword, None)


def without_thickness(dataset: Dataset) -> None:
    dataset.SliceThickness = None


HEADERS: dict[str, Callable[[Dataset], None]] = {
    "complete": nothing,
    "missing type 2": without_type_2,
    "invalid values": invalidate,
    "Japanese": in_japanese,
    "no thickness": without_thickness,
}


def save(results: list[ResultObject], folder: Path) -> list[Path]:
    paths = [folder / f"{result.kind}{index}.dcm" for index, result in enumerate(results)]
    for path, result in zip(paths, results, strict=True):
        path.write_bytes(result.encode())
    return paths


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": JAVA_OPTIONS}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=200, env=environment, check=False)


def assert_dciodvfy_accepts(tool: str, path: Path) -> None:
    checked = run(tool, "-new", path)
    complaints = [
        line for line in checked.stderr.splitlines() if line.startswith(("Error", "Warning")) and not TOLERATED.match(line)
    ]
    assert (checked.returncode, complaints) == (0, [])


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("read", [positive_reading, negative_reading])
def test_dciodvfy_accepts(header, read, need, tmp_path):
    """No error, and no warning but those about the spatial attributes of the overlay, whatever the source header lacks."""
    tool = need("dciodvfy")
    source = make_source(change=HEADERS[header])
    for path in save(report(source, read(source)), tmp_path):
        assert_dciodvfy_accepts(tool, path)


def test_dciodvfy_accepts_results_without_a_frame_of_reference(need, tmp_path):
    """A source without FrameOfReferenceUID, and with the smallest matrix."""
    tool = need("dciodvfy")
    source = make_source(frame=None, rows=128, columns=128)
    for path in save(report(source, positive_reading(source)), tmp_path):
        assert_dciodvfy_accepts(tool, path)


@pytest.mark.parametrize("read", [positive_reading, negative_reading])
def test_dsrdump_reads_the_tree(read, need, tmp_path):
    """DCMTK finds every relationship and coordinate legal."""
    source = make_source()
    path = save(report(source, read(source)), tmp_path)[0]
    checked = run(need("dsrdump"), path)
    assert checked.returncode == 0
    assert "E: " not in checked.stderr


def test_dcentvfy_finds_one_patient_and_study(need, tmp_path):
    """Sources and results agree about patient and study, byte by byte: the tool does not know that characters have encodings."""
    tool = need("dcentvfy")
    source = make_source(change=lambda dataset: setattr(dataset, "SpecificCharacterSet", "ISO_IR 192"))
    paths = save(report(source, positive_reading(source)), tmp_path)
    for index, dataset in enumerate(source.datasets):
        path = tmp_path / f"ct{index}.dcm"
        pydicom.dcmwrite(path, from_file(dataset), enforce_file_format=True)
        paths.append(path)
    checked = run(tool, *paths)
    complaints = [
        line for line in checked.stderr.splitlines() if line.startswith(("Error", "Warning")) and OWN_DISAGREEMENT not in line
    ]
    assert (checked.returncode, complaints) == (0, [])


@pytest.mark.parametrize("read", [positive_reading, negative_reading])
def test_the_template_validator_accepts(read, need, tmp_path):
    """PixelMed's TID 1500 rules hold. It always exits with 0, so the line of its last step must be there."""
    tool = need("DicomSRValidator")
    source = make_source()
    checked = run(tool, save(report(source, read(source)), tmp_path)[0])
    lines = (checked.stdout + checked.stderr).splitlines()
    assert "Root Template Validation Complete" in lines
    assert [line for line in lines if line.startswith("Error") or "illegal" in line] == []
    assert [line for line in lines if line.startswith("Warning") and not QUALITATIVE.match(line)] == []


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


@pytest.mark.parametrize("name", ["positive/cq500-sdh-412", "positive/cq500-ivh-80", "negative/cq500-47"])
def test_results_of_real_headers_are_valid(name, real_series, need, tmp_path):
    """Headers as scanners and archives left them: dciodvfy and our own tree check find nothing."""
    datasets = sorted(real_series(name), key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    series = Series(
        study_instance_uid=str(datasets[0].StudyInstanceUID),
        series_instance_uid=str(datasets[0].SeriesInstanceUID),
        slices=tuple(to_slice(dataset) for dataset in datasets),
    )
    source = Source(series=series, datasets=datasets, digest="00" * 32, revision=1)
    probabilities = [0.1] * len(datasets)
    probabilities[10] = 0.9
    results = report(source, read_by_hand(source, probabilities, {10: (finding(200, 220, 0.9),)}))
    assert faults(results[0].dataset, series) == []
    tool = need("dciodvfy")
    for path in save(results, tmp_path):
        assert_dciodvfy_accepts(tool, path)
