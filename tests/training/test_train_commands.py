"""`ich-node train check-data` and `split`, as an admin calls them."""

import json

import pytest

from tests.support.training.dataset_trees import bhx_table, cq500_series, cq500_table, rsna_tree
from training.errors import DataError
from training.splits import open_split


def test_check_data_says_what_it_found_and_what_it_leaves_out(tmp_path, call):
    """Counts first, then each reason with its count and first few."""
    identities = rsna_tree(tmp_path)
    for identity in identities[:7]:
        (tmp_path / "stage_2_train" / f"{identity}.dcm").write_bytes(b"cut")
    answer = call("train", "check-data", tmp_path)
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert lines[1].startswith(
        "found 2 series of 2 patients, 0 with bleeding; "
        "17 slices, 17 of them labelled, 0 with bleeding"
    )
    assert "left out: 14" in lines
    assert "  7 x not a DICOM file" in lines
    assert "      and 2 more" in lines


def test_check_data_as_json_is_one_document(tmp_path, call):
    """For programs: the same, and nothing else on stdout."""
    rsna_tree(tmp_path)
    document = json.loads(call("train", "check-data", tmp_path, "--json").stdout)
    assert (document["kind"], document["found"]["slices"], document["left_out"]) == ("rsna", 24, [])
    assert document["bleeding"] == {"SDH": 3, "EDH": 3}


def test_check_data_reads_pixels_when_asked(tmp_path, call):
    """A series that serving would refuse is found before a night of training is."""
    cq500_table(tmp_path, {1: (0, 0, 0), 2: (0, 0, 0)})
    cq500_series(tmp_path, 1, "Plain")
    cq500_series(tmp_path, 2, "Plain", RescaleIntercept="0")
    shallow = json.loads(call("train", "check-data", tmp_path, "--json").stdout)
    deep = json.loads(call("train", "check-data", tmp_path, "--json", "--pixels").stdout)
    assert (shallow["found"]["series"], deep["found"]["series"]) == (2, 1)
    assert [item["reason"] for item in deep["left_out"]] == [
        "a series not to be read: no_hounsfield_units"
    ]


def test_nothing_usable_is_exit_code_one(tmp_path, call):
    """A table without images is no data set to train on."""
    cq500_table(tmp_path, {1: (0, 0, 0)})
    answer = call("train", "check-data", tmp_path)
    assert answer.exit_code == 1
    assert "1 x in reads.csv, but no series of it can be used" in answer.stdout


def test_an_unknown_kind_is_exit_code_two(tmp_path, call):
    """A typing mistake names the kinds there are."""
    answer = call("train", "check-data", tmp_path, "--kind", "rnsa")
    assert answer.exit_code == 2
    assert "rnsa is none of" in answer.output


def test_a_folder_that_is_none_is_named(tmp_path, call):
    """The command line turns this error into its sentence and exit code 1."""
    with pytest.raises(DataError, match="nowhere is not a folder"):
        call("train", "check-data", tmp_path / "nowhere")


def test_the_box_table_can_be_chosen(tmp_path, call):
    """With all three BHX tables there the hand-drawn one is taken, unless another is named."""
    thick = cq500_series(tmp_path, 1, "Plain", number=1)
    thin = cq500_series(tmp_path, 1, "PLAIN THIN", number=2)
    bhx_table(tmp_path, [(thick[3], "Subdural")])
    extrapolated = bhx_table(
        tmp_path,
        [(thin[3], "Subdural"), (thin[4], "Subdural")],
        "3_Extrapolation_to_Selected_Series.csv",
    )
    drawn = json.loads(call("train", "check-data", tmp_path, "--json").stdout)
    assert drawn["found"]["boxes"] == 1
    assert drawn["chosen"][0]["because"] == "1 boxed slices, 10 mm thick, 12 slices over 110 mm"
    assert (
        json.loads(call("train", "check-data", tmp_path, "--json", "--boxes", extrapolated).stdout)[
            "found"
        ]["boxes"]
        == 2
    )


def test_split_is_written_once(tmp_path, call):
    """The command divides by patient with the paper's fractions and says so; a second time it
    refuses.
    """
    cq500_table(tmp_path, dict.fromkeys(range(1, 6), (0, 0, 0)))
    for patient in range(1, 6):
        cq500_series(tmp_path, patient, "Plain")
    out = tmp_path / "split.json"
    answer = call("train", "split", tmp_path, "--out", out)
    assert "2 tune, 3 test patients" in answer.stdout
    assert len(open_split(out, parts=["tune"]).patients["tune"]) == 2
    with pytest.raises(DataError, match="is written once"):
        call("train", "split", tmp_path, "--out", out)
