"""CQ500 and BHX: the majority of three, one series a study, boxes."""

import pytest

from tests.support.heads import ROOT, head_slice
from tests.support.real import real
from tests.support.training.dataset_trees import (
    bhx_table,
    cq500_series,
    cq500_table,
    save,
    write_table,
)
from training.datasets import load, read_dataset
from training.datasets.bhx import read_bhx, read_boxes
from training.datasets.cq500 import read_cq500, read_reads
from training.datasets.labelled import Box
from training.errors import DataError


def test_genuine_reads_give_the_published_number_of_bleeds():
    """491 studies, 205 of them with bleeding by the majority, as the data set's paper counts."""
    reads = read_reads(real("annotations", "cq500-reads.csv"))
    assert len(reads) == 491
    assert sum(bleeding for bleeding, _ in reads.values()) == 205
    assert reads["CQ500-CT-0"][0] is False


def test_genuine_boxes_are_read():
    """BHX file 1: 6,283 boxes on 3,558 slices; the first is the one in the file."""
    boxes = read_boxes(real("annotations", "bhx-1_Initial_Manual_Labeling.csv"))
    assert (len(boxes), sum(map(len, boxes.values()))) == (3558, 6283)
    first = boxes["1.2.276.0.7230010.3.1.4.296485376.1.1521713089.1721949"][0]
    assert (first.kind, first.row0, first.column0) == ("IVH", 151.01577, 236.16402999999997)
    assert first.row1 == pytest.approx(151.01577 + 62.99052)
    assert first.column1 == pytest.approx(236.16403 + 50.87698)


def test_two_of_three_decide(tmp_path):
    """One vote is not enough, two are."""
    reads = read_reads(cq500_table(tmp_path, {1: (1, 0, 0), 2: (1, 0, 1)}))
    assert reads == {"CQ500-CT-1": (False, frozenset()), "CQ500-CT-2": (True, frozenset({"SDH"}))}


def test_a_study_gives_its_soft_plain_series_of_five_millimetres(tmp_path):
    """Thin, bone, contrast and coronal series are left out, each with its reason."""
    cq500_table(tmp_path, {7: (1, 1, 0)})
    cq500_series(tmp_path, 7, "Plain", number=1, SliceThickness="5")
    cq500_series(tmp_path, 7, "PLAIN THIN", number=2, SliceThickness="0.625")
    cq500_series(tmp_path, 7, "0.625mm", number=3, ConvolutionKernel="BONE")
    cq500_series(tmp_path, 7, "POST CONTRAST", number=4, SliceThickness="5")
    cq500_series(tmp_path, 7, "Coronal", number=5, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    cq500_series(tmp_path, 7, "4cc sec 150cc D3D on", number=6, SliceThickness="5")
    found = read_cq500(tmp_path)
    (chosen,) = found.series
    assert (chosen.series_instance_uid, chosen.label, chosen.kinds) == (f"{ROOT}7.1", True, {"SDH"})
    assert chosen.chosen_because == "5 mm thick, 12 slices over 110 mm"
    assert {slice_.label for slice_ in chosen.slices} == {None}
    reasons = {skip.what: skip.reason for skip in found.skipped}
    assert reasons == {
        f"{ROOT}7.2": "another series of the study is better",
        f"{ROOT}7.3": "a series not to be read: bone_kernel",
        f"{ROOT}7.4": "another series of the study is better",
        f"{ROOT}7.5": "a series not to be read: not_axial",
        f"{ROOT}7.6": "another series of the study is better",
    }
    assert len(load(chosen).slices) == 12


def test_patients_without_row_or_images_are_named(tmp_path):
    """A patient that reads.csv does not know, and a row whose images are not there."""
    cq500_table(tmp_path, {1: (0, 0, 0), 2: (0, 0, 0)})
    cq500_series(tmp_path, 1, "Plain")
    cq500_series(tmp_path, 3, "Plain")
    found = read_cq500(tmp_path)
    assert [series.patient_id for series in found.series] == ["CQ500-CT-1"]
    assert {slice_.label for slice_ in found.slices()} == {False}
    assert {(skip.what, skip.reason) for skip in found.skipped} == {
        (f"{ROOT}3.1", "patient not in reads.csv"),
        ("CQ500-CT-2", "in reads.csv, but no series of it can be used"),
    }


def test_the_folder_names_the_patient_where_the_header_does_not(tmp_path):
    """Copies that were made anonymous again still lie in CQ500CT<n>."""
    cq500_table(tmp_path, {5: (0, 1, 1)})
    for index, dataset in enumerate(cq500_series(tmp_path, 5, "Plain")):
        dataset.PatientID = "ANONYMOUS"
        save(
            dataset,
            tmp_path / "CQ500CT5 CQ500CT5" / "Unknown Study" / "CT Plain" / f"CT{index:06d}.dcm",
        )
    (series,) = read_cq500(tmp_path).series
    assert {series.patient_id, *(slice_.patient_id for slice_ in series.slices)} == {"CQ500-CT-5"}


def test_boxes_make_slices_known(tmp_path):
    """With BHX beside CQ500 the boxed series is chosen, even a thin one; its other slices are
    negative.
    """
    cq500_table(tmp_path, {7: (1, 1, 1)})
    cq500_series(tmp_path, 7, "Plain", number=1, SliceThickness="5")
    thin = cq500_series(tmp_path, 7, "PLAIN THIN", number=2, SliceThickness="0.625")
    absent = head_slice(0, SOPInstanceUID=f"{ROOT}404")
    boxes = [
        (thin[4], "Subdural"),
        (thin[4], "Intraventricular"),
        (thin[5], "Chronic"),
        (absent, "Subdural"),
    ]
    bhx_table(tmp_path / "bhx", boxes)
    found = read_dataset(tmp_path)
    (series,) = found.series
    assert (found.source, series.series_instance_uid) == ("cq500", f"{ROOT}7.2")
    labels = {slice_.sop_instance_uid: slice_ for slice_ in series.slices}
    boxed = labels[thin[4].SOPInstanceUID]
    assert (boxed.label, boxed.kinds) == (True, {"SDH", "IVH"})
    assert boxed.boxes[0] == Box(kind="SDH", row0=30.25, column0=20.5, row1=46.75, column1=30.5)
    assert labels[thin[5].SOPInstanceUID].label is True
    assert labels[thin[6].SOPInstanceUID].label is False
    assert {(skip.what, skip.reason) for skip in found.skipped} == {
        (f"{ROOT}7.1", "another series of the study is better"),
        (f"{ROOT}404", "boxed, but its image is not there"),
    }


def test_chronic_boxes_can_be_ignored(tmp_path):
    """Without chronic bleeding as a class such a slice is neither positive nor negative; its box
    stays to be recognised.
    """
    datasets = cq500_series(tmp_path, 7, "Plain")
    bhx_table(tmp_path, [(datasets[4], "Subdural"), (datasets[5], "Chronic")])
    (series,) = read_bhx(tmp_path, chronic=False).series
    labels = {slice_.sop_instance_uid: slice_ for slice_ in series.slices}
    assert labels[datasets[4].SOPInstanceUID].label is True
    assert labels[datasets[5].SOPInstanceUID].label is None
    assert labels[datasets[5].SOPInstanceUID].kinds == {"chronic"}


def test_one_boxed_series_a_study(tmp_path):
    """File 2 boxes every reconstruction: one is chosen, boxed images that are missing are named."""
    thick = cq500_series(tmp_path, 7, "Plain", number=1, SliceThickness="5")
    thin = cq500_series(tmp_path, 7, "PLAIN THIN", number=2, SliceThickness="0.625")
    cq500_series(tmp_path, 8, "Plain")
    absent = head_slice(0, SOPInstanceUID=f"{ROOT}404")
    bhx_table(
        tmp_path,
        [(thick[4], "Subdural"), (thin[4], "Subdural"), (absent, "Subdural")],
        "2_Extrapolation_to_All_Series.csv",
    )
    found = read_dataset(tmp_path)
    assert [series.series_instance_uid for series in found.series] == [f"{ROOT}7.1"]
    assert {(skip.what, skip.reason) for skip in found.skipped} == {
        (f"{ROOT}7.2", "another series of the study is better"),
        (f"{ROOT}8.1", "a series without boxes"),
        (f"{ROOT}404", "boxed, but its image is not there"),
    }


def test_flat_box_columns_are_read_too(tmp_path):
    """Some copies hold x, y, width and height as columns."""
    header = ["SOPInstanceUID", "labelName", "x", "y", "width", "height"]
    boxes = read_boxes(
        write_table(tmp_path / "boxes.csv", header, [["1.2", "Epidural", 1, 2, 3, 4]])
    )
    assert boxes == {"1.2": (Box(kind="EDH", row0=2, column0=1, row1=6, column1=4),)}


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        ("{'x': 1, 'y': 2, 'width': 3}", "Epidural", "line 2: neither `data` nor the columns"),
        ("__import__('os')", "Epidural", "line 2: neither `data` nor the columns"),
        (
            "{'x': 1, 'y': 2, 'width': 0, 'height': 4}",
            "Epidural",
            "line 2: the box is 0 x 4 pixels",
        ),
        (
            "{'x': 1, 'y': 2, 'width': 3, 'height': 4}",
            "Tumour",
            "line 2: labelName 'Tumour' is none of",
        ),
    ],
)
def test_damaged_boxes_are_named(tmp_path, data, kind, says):
    """A line that is no box names the file and the line; nothing in it is ever run."""
    table = write_table(
        tmp_path / "bhx.csv", ["SOPInstanceUID", "data", "labelName"], [["1.2", data, kind]]
    )
    with pytest.raises(DataError, match=says):
        read_boxes(table)


def test_genuine_boxed_slices_are_found(tmp_path):
    """The two real slices with expert boxes: their boxes, and pixels that read_series accepts."""
    boxed = real("boxed")
    for path in (
        "CQ500-CT-1/2.5_5mm/CT000000.dcm",
        "CQ500-CT-310/5_5mm_Plain_one_slice/693_UNCR.dcm",
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).symlink_to(boxed / path)
    found = read_bhx(tmp_path, boxes=boxed / "bhx_boxes_for_available_slices.csv")
    assert found.counts()["boxes"] == 5
    assert {series.patient_id for series in found.series} == {"CQ500-CT-1", "CQ500-CT-310"}
    assert found.skipped == ()
    assert all(len(load(series).slices) == 1 for series in found.series)


def test_genuine_series_join_the_genuine_reads(tmp_path):
    """Real CQ500 series beside the real reads.csv: joined by PatientID, labelled, the thin one
    without contrast words chosen.
    """
    for folder, name in (
        ("positive", "cq500-sdh-412"),
        ("negative", "cq500-47"),
        ("thin", "cq500-0"),
    ):
        (tmp_path / name).mkdir()
        for path in real(folder, name).glob("*.dcm"):
            (tmp_path / name / path.name).symlink_to(path)
    (tmp_path / "reads.csv").symlink_to(real("annotations", "cq500-reads.csv"))
    found = read_dataset(tmp_path)
    labels = {
        series.patient_id: (series.label, series.kinds, len(series.slices))
        for series in found.series
    }
    assert labels == {
        "CQ500-CT-412": (True, {"SDH", "chronic"}, 30),
        "CQ500-CT-47": (False, frozenset(), 30),
        "CQ500-CT-0": (False, frozenset(), 239),
    }
    assert found.reasons()["in reads.csv, but no series of it can be used"][0] == 488
