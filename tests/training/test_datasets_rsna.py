"""RSNA 2019: its table, its images, its 12-bit profile."""

import numpy as np
import pytest
from pydicom import dcmread

from ich_node.errors import Refusal
from ich_node.series.read import read_series
from tests.support.heads import head_hu, head_series
from tests.support.real import real
from tests.support.training.dataset_trees import rsna_image, rsna_rows, rsna_tree, write_table
from training.datasets import LabelledSeries, LabelledSlice, load
from training.datasets.rsna import read_labels, read_rsna, unwrap
from training.errors import DataError


def test_images_are_joined_to_their_labels(tmp_path):
    """Two patients, one with three bleeding slices: series, labels and kinds come out, and pixels
    through read_series.
    """
    identities = rsna_tree(tmp_path)
    found = read_rsna(tmp_path)
    assert found.counts() == {
        "patients": 2,
        "series": 2,
        "positive_series": 1,
        "slices": 24,
        "labelled_slices": 24,
        "positive_slices": 3,
        "boxes": 0,
        "skipped": 0,
    }
    assert found.kinds() == {"SDH": 3, "EDH": 3}
    assert {slice_.sop_instance_uid for slice_ in found.slices() if slice_.label} == set(
        identities[:3]
    )
    series = load(found.series[0])
    assert [slice_.sop_instance_uid for slice_ in series.slices] == identities[:12]


def test_repeated_rows_are_counted_once(tmp_path):
    """The published table repeats some rows; a repetition changes nothing and is said."""
    rows = rsna_rows("ID_000000001", "epidural")
    labels, repeated = read_labels(
        write_table(tmp_path / "stage_2_train.csv", ["ID", "Label"], [*rows, *rows[:2]])
    )
    assert labels == {"ID_000000001": {"EDH"}}
    assert repeated == 2


def test_rows_that_contradict_each_other_stop_the_reader(tmp_path):
    """One image cannot be 0 and 1: the error names the file, the line and the remedy."""
    rows = [*rsna_rows("ID_000000001"), ["ID_000000001_any", 1]]
    with pytest.raises(
        DataError,
        match=r"stage_2_train\.csv line 8: ID_000000001_any is 0 in one row and 1 in another",
    ):
        read_labels(write_table(tmp_path / "stage_2_train.csv", ["ID", "Label"], rows))


@pytest.mark.parametrize("label", ["", "2", "yes"])
def test_a_label_is_nought_or_one(tmp_path, label):
    """An empty cell is no negative."""
    table = write_table(
        tmp_path / "stage_2_train.csv", ["ID", "Label"], [["ID_000000001_any", label]]
    )
    with pytest.raises(DataError, match=r"line 2: Label is .* a label is 0 or 1"):
        read_labels(table)


def test_other_columns_are_named(tmp_path):
    """A table with other columns is refused with both lists."""
    table = write_table(tmp_path / "stage_2_train.csv", ["id", "label"], [["ID_000000001_any", 1]])
    with pytest.raises(DataError, match=r"no column ID, Label \(it has: id, label\)"):
        read_labels(table)


def test_what_is_left_out_is_counted_and_named(tmp_path):
    """The known corrupt image, one without label, one cut short, one of five rows, a row without
    image: each with its reason.
    """
    identities = rsna_tree(tmp_path, patients=1)
    images = tmp_path / "stage_2_train"
    (images / f"{identities[0]}.dcm").write_bytes(
        (images / f"{identities[0]}.dcm").read_bytes()[:-2]
    )
    corrupt = rsna_image(tmp_path, 0x6431AF929)
    unlabelled = rsna_image(tmp_path, 99)
    partial = rsna_image(tmp_path, 98)
    (images / "ID_text.dcm").write_text("no image")
    rows = [row for identity in identities for row in rsna_rows(identity)]
    rows += [*rsna_rows(corrupt), *rsna_rows(partial)[:5], *rsna_rows("ID_00000abcd")]
    write_table(tmp_path / "stage_2_train.csv", ["ID", "Label"], rows)
    found = read_rsna(tmp_path)
    reasons = {
        reason: [skip.what for skip in skips] for reason, (_, skips) in found.reasons().items()
    }
    assert reasons == {
        "known to be corrupt": [str(images / f"{corrupt}.dcm")],
        "no label in stage_2_train.csv": [str(images / f"{unlabelled}.dcm")],
        "stage_2_train.csv does not have its six rows, or `any` contradicts the other five": [
            str(images / f"{partial}.dcm")
        ],
        "PixelData is shorter than Rows x Columns": [str(images / f"{identities[0]}.dcm")],
        "not a DICOM file": [str(images / "ID_text.dcm")],
        "in stage_2_train.csv, but no usable image is there": [identities[0], "ID_00000abcd"],
    }
    assert found.counts()["slices"] == 11


def test_wrapped_twelve_bit_images_get_their_hounsfield_units_back():
    """Signed values stored modulo 4096 in an unsigned image with intercept 0: unwrapped for RSNA,
    refused elsewhere.
    """
    wrapped = head_series(BitsStored=12, HighBit=11, PixelRepresentation=0, RescaleIntercept="0")
    for index, dataset in enumerate(wrapped):
        dataset.PixelData = (head_hu(level=index / 11).astype(int) % 4096).astype("<u2").tobytes()
    with pytest.raises(Refusal):
        read_series(wrapped)
    for dataset in wrapped:
        unwrap(dataset)
    for index, slice_ in enumerate(read_series(wrapped).slices):
        assert np.array_equal(slice_.hu_YX, head_hu(level=index / 11))


def test_ordinary_twelve_bit_images_are_left_alone():
    """Intercept -1024 is what it says."""
    plain = head_series(BitsStored=12, HighBit=11, PixelRepresentation=0)[0]
    before = plain.PixelData
    unwrap(plain)
    assert (plain.PixelData, plain.RescaleIntercept) == (before, -1024)


def test_genuine_images_are_read_as_serving_reads_them(tmp_path):
    """A real RSNA series through the reader gives the Series that read_series gives from its files,
    bit for bit.
    """
    folder = real("negative", "rsna-515961ad20")
    paths = sorted(folder.glob("*.dcm"))
    (tmp_path / "stage_2_train").mkdir()
    for path in paths:
        (tmp_path / "stage_2_train" / path.name).symlink_to(path)
    rows = [row for path in paths for row in rsna_rows(path.stem)]
    write_table(tmp_path / "stage_2_train.csv", ["ID", "Label"], rows)
    found = read_rsna(tmp_path)
    assert (found.counts()["slices"], found.counts()["positive_slices"]) == (len(paths), 0)
    ours, served = load(found.series[0]), read_series(dcmread(path) for path in paths)
    assert [slice_.sop_instance_uid for slice_ in ours.slices] == [
        slice_.sop_instance_uid for slice_ in served.slices
    ]
    assert all(
        np.array_equal(a.hu_YX, b.hu_YX) for a, b in zip(ours.slices, served.slices, strict=True)
    )


def test_a_file_that_went_away_is_named(tmp_path):
    """Between looking and loading a file may go: the error names it."""
    gone = tmp_path / "gone.dcm"
    identity = {"patient_id": "P", "study_instance_uid": "1", "series_instance_uid": "1.1"}
    slice_ = LabelledSlice(**identity, sop_instance_uid="1.1.1", path=gone, label=True)
    with pytest.raises(DataError, match=r"gone\.dcm"):
        load(LabelledSeries(**identity, source="rsna", slices=(slice_,), label=True))
