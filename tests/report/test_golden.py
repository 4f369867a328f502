"""Every golden study, every object, every validator: no error, and no warning but those that are
allowed by their exact text.
"""

import json
import urllib.request
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset

from ich_node.answer import Answer
from ich_node.detection.lesions import Lesion, to_patient
from ich_node.dicom.image_id import ImageId
from ich_node.report import lesions_of
from ich_node.report.arrows import arrows_on
from ich_node.series.attributes import image_of
from ich_node.series.frames import frames_of
from ich_node.series.series import Slice
from tests.support.peers import orthanc
from tests.support.report.golden import STUDIES, Golden, golden
from tests.support.report.odd_headers import ILLEGAL_IDENTITY, JAPANESE
from tests.support.report.report_examples import of_kind
from tests.support.report.sr_tree import faults, groups, regions, tracking
from tests.support.report.validators import (
    dcentvfy,
    dciodvfy,
    dciodvfy_of_an_illegal_source,
    dcmpschk,
    dcmpschk_of_an_illegal_source,
    dcmtk,
    run,
)

POSITIVE = [name for name in STUDIES if name not in ("negative", "hole")]
DOCUMENTS = ("sr", "key_objects")
SC = "1.2.840.10008.5.1.4.1.1.7"


def save(study: Golden, folder: Path) -> dict[Path, str]:
    """The files of all results with their kinds."""
    paths = {}
    for index, result in enumerate(study.results):
        path = folder / f"{index:02d}-{result.kind}.dcm"
        path.write_bytes(result.encode())
        paths[path] = result.kind
    return paths


@pytest.mark.parametrize("name", STUDIES)
def test_each_object_is_valid_by_itself(
    name: str, need: Callable[[str], str], tmp_path: Path
) -> None:
    """dciodvfy on all; dsrdump and dsr2html on documents, dcmpschk on presentation states.

    What they say of an illegal identity is about the source, and allowed by its exact text.
    """
    iod, dump, html, state = (
        need(tool) for tool in ("dciodvfy", "dsrdump", "dsr2html", "dcmpschk")
    )
    illegal = name == "illegal identity"
    of_any = dciodvfy_of_an_illegal_source if illegal else dciodvfy
    of_a_state = dcmpschk_of_an_illegal_source if illegal else dcmpschk
    options = ["-Ev"] if illegal else []
    found = {}
    for path, kind in save(golden(name), tmp_path).items():
        found[path.name] = of_any(iod, path)
        if kind in DOCUMENTS:
            page = path.with_suffix(".html")
            found[path.name] += dcmtk(dump, *options, path) + dcmtk(html, *options, path, page)
        if kind == "presentation_state":
            found[path.name] += of_a_state(state, path)
    assert {name_: said for name_, said in found.items() if said} == {}


@pytest.mark.parametrize("name", STUDIES)
def test_results_and_sources_are_of_one_patient_and_study(
    name: str, need: Callable[[str], str], tmp_path: Path
) -> None:
    """dcentvfy compares bytes: the sources are left out where their character set or their
    attributes are not ours.
    """
    tool = need("dcentvfy")
    study = golden(name)
    if name in ("Japanese names", "missing type 2"):
        sources = []
    else:
        sources = [tmp_path / f"ct{index}.dcm" for index in range(len(study.datasets))]
        for path, dataset in zip(sources, study.datasets, strict=True):
            path.write_bytes(as_file(dataset))
    assert dcentvfy(tool, [*save(study, tmp_path), *sources]) == []


def as_file(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", STUDIES)
def test_the_tree_has_no_fault_that_validators_do_not_see(name: str) -> None:
    """Our own tree check."""
    study = golden(name)
    (document,) = of_kind(study.results, "sr")
    assert faults(document, study.series) == []


def test_each_golden_study_is_what_it_is_called() -> None:
    """Else the other tests would hold nothing."""
    kinds = {name: sorted({result.kind for result in golden(name).results}) for name in STUDIES}
    whole = [
        "key_objects",
        "overlay",
        "parametric_map",
        "presentation_state",
        "segmentation",
        "sr",
        "summary",
    ]
    in_space = {"parametric_map", "segmentation"}
    assert kinds == dict.fromkeys(STUDIES, whole) | {
        "negative": ["sr"],
        "hole": ["sr", "summary"],
        "no frame of reference": [kind for kind in whole if kind not in in_space],
    }
    assert golden("tilted").series.tilt_deg == pytest.approx(17, abs=0.01)
    assert str(golden("Japanese names").results[0].dataset.PatientName) == JAPANESE
    assert "PatientName" not in golden("missing type 2").datasets[0]
    late = golden("late slices").results[0].dataset
    assert "PredecessorDocumentsSequence" in late
    assert "rev 2, replaces 13:59" in late.SeriesDescription
    assert golden("hole").reading.answer is Answer.UNDETERMINED
    assert {slice_.stack for slice_ in golden("two acquisitions").series.slices} == {0, 1}
    maps = of_kind(golden("two acquisitions").results, "parametric_map")
    assert [map_.NumberOfFrames for map_ in maps] == [30, 30]
    for result in golden("illegal identity").results:
        written = pydicom.dcmread(BytesIO(result.encode()))
        for keyword, (_, value) in ILLEGAL_IDENTITY.items():
            assert written.get_item(keyword).value.rstrip(b" ") == value.rstrip(b" ")
    assert golden("JPEG 2000").datasets[0].file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.90"
    assert len(golden("thin").series.slices) > 3 * len(golden("thin").reading.maps)


@pytest.mark.parametrize("name", POSITIVE)
def test_report_state_and_picture_point_at_one_place(name: str) -> None:
    """The same source pixel within half a pixel, and the same millimetre, also under tilt;
    independently transformed.
    """
    study = golden(name)
    frames = [frame for dataset in study.datasets for frame in frames_of(dataset)]
    headers = {image_of(frame): frame for frame in frames}
    slices = {slice_.image: slice_ for slice_ in study.series.slices}
    lesions = lesions_of(study.series, study.reading)
    expected = {
        (
            mark.slice.image,
            lesion.number,
            round(mark.finding.column, 2),
            round(mark.finding.row, 2),
        )
        for lesion in lesions
        for mark in lesion.marks
    }
    (sr,), states = of_kind(study.results, "sr"), of_kind(study.results, "presentation_state")
    assert points_of_report(sr) == expected
    # one for each rescale
    assert set().union(*map(points_of_state, states)) == expected
    assert len(states) == len({header.RescaleIntercept for header in frames})
    for dataset in of_kind(study.results, "overlay"):
        slice_ = slices[image_named_by(dataset.SourceImageSequence[0])]
        for image, _, column, row in expected:
            if image != slice_.image:
                continue
            assert_arrow_points_at(dataset, slice_, lesions, row, column)
            place_mm = in_millimetres(headers[image], column, row)
            assert to_patient(slice_, row, column) == pytest.approx(place_mm, abs=0.02)
            if "ImagePositionPatient" in dataset:
                assert in_millimetres(dataset, column, row) == pytest.approx(place_mm, abs=0.02)


def image_named_by(reference: Dataset) -> ImageId:
    """By the item of a reference sequence, which names one image."""
    return ImageId(reference.ReferencedSOPInstanceUID, reference.get("ReferencedFrameNumber"))


def points_of_report(document: Dataset) -> set[tuple[ImageId, int, float, float]]:
    """Source image, lesion, and index of the pixel."""
    found = set()
    for group in groups(document):
        for region in regions(group):
            column, row = region.GraphicData
            image = image_named_by(region.ContentSequence[0].ReferencedSOPSequence[0])
            found.add(
                (
                    image,
                    int(tracking(group)[0].split()[1].rstrip(",")),
                    round(column - 0.5, 2),
                    round(row - 0.5, 2),
                )
            )
    return found


def points_of_state(state: Dataset) -> set[tuple[ImageId, int, float, float]]:
    found = set()
    for annotation in state.GraphicAnnotationSequence:
        image = image_named_by(annotation.ReferencedImageSequence[0])
        for graphic in annotation.get("GraphicObjectSequence", []):
            if graphic.GraphicType == "POINT":
                column, row = graphic.GraphicData
                found.add(
                    (
                        image,
                        int(graphic.TrackingID.split()[1]),
                        round(column - 0.5, 2),
                        round(row - 0.5, 2),
                    )
                )
    return found


def assert_arrow_points_at(
    dataset: Dataset, slice_: Slice, lesions: Sequence[Lesion], row: float, column: float
) -> None:
    """One arrow of the slice does, and its head is in the picture."""
    size_px = max(8, round(min(slice_.hu_YX.shape) / 36))
    (arrow,) = (
        arrow
        for arrow in arrows_on(slice_, lesions, size_px)
        if arrow.at == pytest.approx((column, row), abs=0.02)
    )
    x, y = np.array(arrow.tip) - np.array(arrow.direction) * 0.4 * size_px
    assert dataset.pixel_array[round(y), round(x)].min() > 150


def in_millimetres(header: Dataset, column: float, row: float) -> tuple[float, ...]:
    """By another implementation than ours; its image coordinates begin at the corner of the first
    pixel.
    """
    transformer = hd.spatial.ImageToReferenceTransformer(
        image_position=[float(value) for value in header.ImagePositionPatient],
        image_orientation=[float(value) for value in header.ImageOrientationPatient],
        pixel_spacing=[float(value) for value in header.PixelSpacing],
    )
    return tuple(map(float, transformer(np.array([[column + 0.5, row + 0.5]]))[0]))


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def find(url: str) -> Any:
    return json.loads(get(url))


def test_orthanc_takes_lists_and_shows_all_of_them(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    """DCMTK's storescu sends all studies; each object is listed by QIDO, and each picture comes
    back bit for bit as PNG.
    """
    storescu = need("storescu")
    pictures: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    # the studies are one phantom in several forms: the last form of an object would replace the
    # others
    for name in ("thin", "tilted", "late slices"):
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        save(golden(name), folder)
        for result in golden(name).results:
            counts[str(result.dataset.StudyInstanceUID)] = (
                counts.get(str(result.dataset.StudyInstanceUID), 0) + 1
            )
            if result.kind in ("summary", "overlay"):
                pictures[result.sop_instance_uid] = result.dataset.pixel_array
    with orthanc(
        tmp_path / "orthanc", DefaultEncoding="Utf8", UnknownSopClassAccepted=True
    ) as peer:
        for syntax in ("-xr", "-xe"):
            # storescu proposes one compression for all; what does not fit goes in the second round
            run(
                storescu,
                "-R",
                "-nh",
                syntax,
                "-aec",
                "ORTHANC",
                "+sd",
                "+r",
                "127.0.0.1",
                str(peer.dicom_port),
                tmp_path,
            )
        assert len(find(f"{peer.url}/instances")) == sum(counts.values())
        for study_uid, count in counts.items():
            listed = find(f"{peer.url}/dicom-web/studies/{study_uid}/instances")
            assert len(listed) == count
        shown = 0
        for instance in find(f"{peer.url}/instances?expand"):
            uid = instance["MainDicomTags"]["SOPInstanceUID"]
            if uid in pictures:
                png = Image.open(BytesIO(get(f"{peer.url}/instances/{instance['ID']}/preview")))
                np.testing.assert_array_equal(np.asarray(png), pictures[uid])
                shown += 1
        assert shown == len(pictures)


def test_the_page_that_dcmtk_makes_of_a_report_says_it_all(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    """The text is there for people: verdict, lesions, certainty, research use."""
    (path,) = [path for path, kind in save(golden("positive"), tmp_path).items() if kind == "sr"]
    page = tmp_path / "page.html"
    run(need("dsr2html"), path, page)
    text = page.read_text(errors="replace")
    for words in (
        "Intracranial hemorrhage: PRESENT.",
        "Lesion 1: certainty",
        "Research use only",
        "Present",
    ):
        assert words in text
