"""CT-ICH, phantoms, and telling data sets apart."""

import json

import numpy as np
import pytest

from ich_node.phantom import make_study
from tests.support.heads import head_slice
from tests.support.real import real
from tests.support.training.dataset_trees import (
    ct_ich_tree,
    rsna_tree,
    save,
    write_nifti,
    write_table,
)
from training.datasets import load, read_dataset, recognise
from training.datasets.ct_ich import read_ct_ich
from training.datasets.ct_ich_table import read_diagnosis
from training.datasets.labelled import Box
from training.datasets.nifti import read_volume
from training.errors import DataError


def test_genuine_diagnosis_table_is_read():
    """82 patients, 2,501 slices, 318 with bleeding, behind a byte order mark."""
    diagnosis = read_diagnosis(real("annotations", "ct-ich-hemorrhage_diagnosis.csv"))
    assert len(diagnosis) == 82
    assert sum(map(len, diagnosis.values())) == 2501
    assert sum(bool(row.kinds) for rows in diagnosis.values() for row in rows) == 318


def test_volumes_become_slices_in_hounsfield_units(tmp_path):
    """NIfTI through read_series: right way round, right HU, row n is slice n, a box around the
    mask.
    """
    hu_SYX = ct_ich_tree(tmp_path)
    found = read_ct_ich(tmp_path)
    assert (
        found.counts()["slices"],
        found.counts()["positive_slices"],
        found.counts()["boxes"],
    ) == (24, 2, 2)
    labelled = found.series[0].slices[3]
    assert labelled.boxes == (Box(kind="SDH", row0=40, column0=60, row1=50, column1=80),)
    series = load(found.series[0])
    assert [slice_.sop_instance_uid for slice_ in series.slices] == [
        slice_.sop_instance_uid for slice_ in found.series[0].slices
    ]
    assert np.array_equal([slice_.hu_YX for slice_ in series.slices], hu_SYX)
    assert series.slices[0].image_orientation == (1, 0, 0, 0, 1, 0)
    assert series.slices[0].pixel_spacing_mm == pytest.approx((1.6, 1.6))


def test_the_qform_says_the_same_as_the_sform(tmp_path):
    """A half turn about the slice axis as a quaternion mirrors both axes back."""
    values_SYX = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    path = write_nifti(tmp_path / "a.nii", values_SYX)
    data = bytearray(path.read_bytes())
    data[252:256] = np.array([1, 0], "<i2").tobytes()
    data[256:280] = np.array([0, 0, 1, 10, 20, 30], "<f4").tobytes()
    path.write_bytes(data)
    volume = read_volume(path)
    assert np.array_equal(volume.values_SYX, values_SYX[:, ::-1, ::-1])
    assert volume.origin_mm.tolist() == [-10, -20, 30]
    assert volume.slice_step_mm == pytest.approx([0, 0, 10])


def test_volumes_that_do_not_fit_are_left_out(tmp_path):
    """A missing volume, one of another length and one cut short are named; the others are read."""
    ct_ich_tree(tmp_path, patients=(49, 50, 51, 52))
    scans = tmp_path / "ct_scans"
    (scans / "050.nii").unlink()
    write_nifti(scans / "051.nii", np.zeros((3, 64, 64), int))
    (scans / "052.nii").write_bytes((scans / "052.nii").read_bytes()[:-100])
    found = read_ct_ich(tmp_path)
    assert found.patients() == {"49"}
    said = {skip.what: (skip.reason, skip.detail) for skip in found.skipped}
    assert (
        said["patient 50"][0] == "in hemorrhage_diagnosis_raw_ct.csv, but its volume is not there"
    )
    assert "has 3 slices, the table 12 rows" in said[str(scans / "051.nii")][1]
    assert "is cut short" in said[str(scans / "052.nii")][1]


def test_pictures_without_hounsfield_units_are_not_read(tmp_path):
    """Versions before 1.3 are refused with the remedy."""
    ct_ich_tree(tmp_path)
    for path in (tmp_path / "ct_scans").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="in Patients_CT, are read with --kind ct-ich-8bit"):
        read_ct_ich(tmp_path)


def test_phantom_studies_are_labelled_by_their_truth(tmp_path):
    """Each study is its own patient; the slices with a box bleed."""
    for seed, kinds in ((1, ["IPH"]), (2, [])):
        make_study(seed, bleeds=kinds, rows=128, slice_mm=10).write(tmp_path / f"study-{seed}")
    found = read_dataset(tmp_path)
    assert (found.source, len(found.patients()), found.counts()["positive_series"]) == (
        "phantom",
        2,
        1,
    )
    truth = json.loads((tmp_path / "study-1" / "truth.json").read_text())
    places = {place["sop_instance_uid"]: place["box"] for place in truth["bleeds"][0]["boxes"]}
    for slice_ in found.series[0].slices:
        assert slice_.label is (slice_.sop_instance_uid in places)
        assert [[box.row0, box.column0, box.row1, box.column1] for box in slice_.boxes] == (
            [places[slice_.sop_instance_uid]] if slice_.label else []
        )
    assert len(load(found.series[0]).slices) == len(found.series[0].slices)


def test_a_truth_of_another_making_is_named(tmp_path):
    """truth.json without boxes is not ours."""
    (tmp_path / "truth.json").write_text('{"bleeds": [{}]}')
    with pytest.raises(DataError, match=r"truth\.json is not what `ich-node phantom` writes"):
        read_dataset(tmp_path)


def test_a_second_file_of_an_image_is_left_out(tmp_path):
    """Mirrors unpack some series twice: each image counts once."""
    rsna_tree(tmp_path, patients=1)
    original = next((tmp_path / "stage_2_train").iterdir())
    copy = tmp_path / "zz-copy" / original.name
    copy.parent.mkdir()
    copy.write_bytes(original.read_bytes())
    found = read_dataset(tmp_path)
    assert found.counts()["slices"] == 12
    assert [(skip.what, skip.reason) for skip in found.skipped] == [
        (str(copy), "a second file of the same SOPInstanceUID")
    ]


@pytest.mark.parametrize(
    "damaged", [b"", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + bytes(range(200))]
)
def test_damaged_files_are_left_out(tmp_path, damaged):
    """Whatever lies among the images is read or named; it never stops the rest."""
    rsna_tree(tmp_path, patients=1)
    (tmp_path / "stage_2_train" / "damaged.dcm").write_bytes(damaged)
    found = read_dataset(tmp_path)
    assert found.counts()["slices"] == 12
    assert [skip.what for skip in found.skipped] == [
        str(tmp_path / "stage_2_train" / "damaged.dcm")
    ]


def test_linked_folders_are_followed_once(tmp_path):
    """The images may lie on another disk; a link that leads back is no endless walk."""
    rsna_tree(tmp_path / "disk", patients=1)
    (tmp_path / "data").mkdir()
    (tmp_path / "disk" / "stage_2_train.csv").rename(tmp_path / "data" / "stage_2_train.csv")
    (tmp_path / "data" / "stage_2_train").symlink_to(tmp_path / "disk" / "stage_2_train")
    (tmp_path / "disk" / "stage_2_train" / "back").symlink_to(tmp_path / "data")
    found = read_dataset(tmp_path / "data")
    assert (found.counts()["slices"], found.skipped) == (12, ())


def test_a_folder_without_a_table_says_which_are_known(tmp_path):
    """Images alone are no data set."""
    save(head_slice(0), tmp_path / "0.dcm")
    with pytest.raises(
        DataError, match=r"holds no table of a data set \(stage_2_train\.csv, .*truth\.json\)"
    ):
        recognise(tmp_path)


def test_two_data_sets_in_one_folder_are_not_mixed(tmp_path):
    """Patients of two data sets could share a pseudonym."""
    rsna_tree(tmp_path, patients=1)
    write_table(tmp_path / "reads.csv", ["name"], [])
    with pytest.raises(DataError, match=r"several data sets \(rsna, cq500\)"):
        recognise(tmp_path)
