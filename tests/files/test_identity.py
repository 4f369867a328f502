"""Series of odd identity, from files to results, and in an archive beside their source."""

import json
import urllib.request
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

from ich_node.files.answer import SeriesAnswer
from ich_node.files.find import find_series
from ich_node.files.read import read_files
from ich_node.files.save import write_answer
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.report import ReportOptions
from tests.support.cases import write_case
from tests.support.peers import orthanc

OPTIONS = ReportOptions(max_overlays=2)
AT = datetime(2026, 1, 1, 11, tzinfo=UTC)


@cache
def detector() -> Detector:
    return Detector(open_bundle(shipped_bundle()))


def read(name: str, folder: Path) -> tuple[list[Path], list[Dataset], SeriesAnswer]:
    """The files of the case's source, and the results that were written beside them."""
    sources = write_case(name, folder / "source")
    (files,), skipped = find_series([sources])
    assert skipped == []
    answer, picture = read_files(
        files,
        detector(),
        options=OPTIONS,
        at=AT,
        with_dicom=True,
        demonstration_on_real_sources="mark",
    )
    assert answer.reading is not None, answer.detail
    written = write_answer(answer, picture, folder / "results")
    results = [pydicom.dcmread(path) for path in written if path.suffix == ".dcm"]
    assert {result.Modality for result in results} == {"SR", "OT", "PR", "KO"}
    return sorted(sources.iterdir()), results, answer


def test_uids_with_leading_zeros_are_referred_to_as_they_came(tmp_path: Path) -> None:
    """Read, and every result is in the study of its source and refers to its objects."""
    sources, results, answer = read("leading_zeros", tmp_path)
    uids = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in sources}
    assert "report" not in answer.detail
    for result in results:
        assert result.StudyInstanceUID == "1.2.840.0113619.2.55.1"
    (report,) = [result for result in results if result.Modality == "SR"]
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.840.0113619.2.55.1.2"
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence} == uids
    assert (tmp_path / "results" / "1.2.840.0113619.2.55.1.2").is_dir()


def test_a_long_rescale_is_the_numbers_that_were_read(tmp_path: Path) -> None:
    """Decimal strings beyond 16 characters are read, and the presentation state carries -1024 and
    1.
    """
    _, results, _ = read("long_rescale", tmp_path)
    states = [result for result in results if result.Modality == "PR"]
    assert states
    for state in states:
        assert (state.RescaleIntercept, state.RescaleSlope) == (-1024, 1)
        assert len(str(state.RescaleIntercept)) <= 16
        assert state.RescaleType == "HU"


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def test_an_archive_shows_results_under_the_patient_of_their_source(tmp_path: Path) -> None:
    """A PatientID that ends in a tab: byte for byte the same, and one patient with one study."""
    sources, results, _ = read("tab_in_patient_id", tmp_path)
    source_id = pydicom.dcmread(sources[0]).get_item("PatientID").value
    assert source_id.rstrip(b" ") == b"4711\t"
    assert {result.get_item("PatientID").value for result in results} == {source_id}
    for keyword in ("PatientName", "AccessionNumber", "StudyID", "StudyDate"):
        source = pydicom.dcmread(sources[0], stop_before_pixels=True)[keyword].value
        assert {str(result[keyword].value) for result in results} == {str(source)}
    objects = [*sources, *(tmp_path / "results").rglob("*.dcm")]
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as peer:
        for path in objects:
            request = urllib.request.Request(
                f"{peer.url}/instances", data=path.read_bytes(), method="POST"
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200
        (patient,) = ask(f"{peer.url}/patients?expand")
        assert len(patient["Studies"]) == 1
        assert len(ask(f"{peer.url}/patients/{patient['ID']}/instances")) == len(objects)
