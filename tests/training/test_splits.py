"""Splits: by patient, once, with a hash; the test part is the evaluation's."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.training.dataset_trees import rsna_tree
from training.datasets import Found, read_dataset
from training.errors import DataError
from training.splits import (
    FRACTIONS,
    choose_part,
    make_split,
    open_split,
    patient_hash,
    write_split,
)

THREE = {"train": 0.5, "validation": 0.25, "test": 0.25}
PATIENTS = [f"P{number}" for number in range(200)]


def tamper(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def path(tmp_path):
    write_split(make_split("phantom", PATIENTS, fractions=THREE, seed=3), tmp_path / "split.json")
    return tmp_path / "split.json"


@pytest.fixture
def rsna(tmp_path) -> Found:
    rsna_tree(tmp_path / "rsna", patients=4)
    return read_dataset(tmp_path / "rsna")


def test_every_patient_is_in_one_part():
    """Parts are disjoint, complete and as large as their fractions; order and repetition of the
    patients do not matter.
    """
    split = make_split("phantom", PATIENTS, fractions=THREE, seed=3)
    assert {part: len(members) for part, members in split.patients.items()} == {
        "train": 100,
        "validation": 50,
        "test": 50,
    }
    assert len(frozenset().union(*split.patients.values())) == 200
    assert make_split("phantom", reversed(PATIENTS * 2), fractions=THREE, seed=3) == split
    assert make_split("phantom", PATIENTS, fractions=THREE, seed=4) != split


@pytest.mark.parametrize(
    ("data_set", "sizes"),
    [("rsna", {"train": 194, "validation": 6}), ("cq500", {"tune": 80, "test": 120})],
)
def test_the_papers_fractions(data_set, sizes):
    """97:3 for RSNA, 2/5 to 3/5 for CQ500."""
    split = make_split(data_set, PATIENTS, fractions=FRACTIONS[data_set], seed=0)
    assert {part: len(members) for part, members in split.patients.items()} == sizes


def test_the_file_names_no_patient(path):
    """Pseudonyms are hashed; seed, fractions and the hash of the content are there."""
    content = json.loads(path.read_text())
    assert not any(f'"{patient}"' in path.read_text() for patient in PATIENTS)
    assert (content["seed"], content["fractions"], len(content["sha256"])) == (3, THREE, 64)


def test_what_is_opened_is_what_was_made(path):
    """Written and opened, the parts are the same."""
    made = make_split("phantom", PATIENTS, fractions=THREE, seed=3)
    opened = open_split(path)
    assert opened.patients == {part: made.patients[part] for part in ("train", "validation")}
    assert opened.sha256 == json.loads(path.read_text())["sha256"]


def test_the_test_part_is_for_evaluation_alone(path):
    """Training cannot ask for it by mistake, and a test patient has no part in what it opened."""
    with pytest.raises(DataError, match="for `ich-node evaluate` alone"):
        open_split(path, parts={"train", "test"})
    test = open_split(path, parts={"test"}, for_evaluation=True).patients["test"]
    opened = open_split(path)
    tested = next(patient for patient in PATIENTS if patient_hash("phantom", patient) in test)
    assert opened.part_of(tested) is None


def test_a_split_is_never_overwritten(path):
    """A second split of that name is refused, and the first stays."""
    before = path.read_bytes()
    with pytest.raises(DataError, match="is written once"):
        write_split(make_split("phantom", PATIENTS, fractions=THREE, seed=9), path)
    assert path.read_bytes() == before


def test_a_moved_patient_is_noticed(path):
    """The hash covers every part, the closed one too."""
    tamper(path, lambda content: content["parts"]["train"].append(content["parts"]["test"].pop()))
    with pytest.raises(DataError, match="was changed after it was written"):
        open_split(path)


def test_a_reindented_file_is_the_same_split(path):
    """The hash is of the content."""
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7))
    assert open_split(path).patients["train"]


def test_a_patient_on_both_sides_is_named_with_both(path):
    """The error names the patient and the two parts."""
    tamper(path, lambda content: content["parts"]["test"].append(content["parts"]["train"][0]))
    with pytest.raises(
        DataError, match=r"patient [0-9a-f]{16} is on both sides, in train and in test"
    ):
        open_split(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": "0"}'])
def test_what_is_no_split_is_named(tmp_path, text):
    """Any other file is refused by name, with the remedy."""
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DataError, match=r"split\.json is not a split file .* write one with"):
        open_split(tmp_path / "split.json")


def test_another_format_is_named(path):
    """A split of a later version is not guessed at."""
    tamper(path, lambda content: content.update(format_version=2))
    with pytest.raises(DataError, match="format 2, this version reads 1"):
        open_split(path)


def test_unknown_parts_name_those_there_are(path):
    """RSNA has no part to tune on."""
    with pytest.raises(DataError, match="no part tune; it has: train, validation, test"):
        open_split(path, parts=["tune"])


def test_too_few_patients_are_said():
    """Two patients cannot fill three parts."""
    with pytest.raises(DataError, match="2 patients are too few"):
        make_split("phantom", ["A", "B"], fractions=THREE, seed=0)


def test_fractions_add_up():
    """A forgotten part would lose patients silently."""
    with pytest.raises(DataError, match="add up to 1"):
        make_split("phantom", PATIENTS, fractions={"train": 0.5}, seed=0)


def test_series_follow_their_patient(rsna):
    """All parts together are all series, none twice."""
    split = make_split(
        "rsna", rsna.patients(), fractions={"train": 0.75, "validation": 0.25}, seed=0
    )
    train, validation = (choose_part(rsna.series, split, part) for part in ("train", "validation"))
    assert (len(train), len(validation)) == (3, 1)
    assert not {series.patient_id for series in train} & {
        series.patient_id for series in validation
    }


def test_new_patients_need_a_new_split(rsna):
    """Data that have grown since do not fall silently into a part."""
    split = make_split(
        "rsna", ["ID_p0", "ID_p1"], fractions={"train": 0.5, "validation": 0.5}, seed=0
    )
    with pytest.raises(DataError, match=r"2 patients \(ID_p2, ID_p3 \.\.\.\) are not in the split"):
        choose_part(rsna.series, split, "train")


def test_a_split_fits_its_data_set_alone(rsna):
    """BHX boxes the patients of CQ500, so a split of one is one of the other; RSNA's patients are
    others.
    """
    split = make_split("cq500", rsna.patients(), fractions=FRACTIONS["cq500"], seed=0)
    with pytest.raises(DataError, match="the split is of cq500, the series are of rsna"):
        choose_part(rsna.series, split, "tune")
    assert choose_part([replace(series, source="bhx") for series in rsna.series], split, "tune")


def test_one_study_under_two_pseudonyms_is_one_patient_on_both_sides(rsna):
    """The error names both patients and both parts."""
    split = make_split("rsna", rsna.patients(), fractions={"train": 0.5, "validation": 0.5}, seed=0)
    learns = choose_part(rsna.series, split, "train")[0]
    other = choose_part(rsna.series, split, "validation")[0]
    double = replace(other, study_instance_uid=learns.study_instance_uid)
    sentence = (
        f"belongs to patient {learns.patient_id} (train) "
        f"and to patient {other.patient_id} (validation): one patient"
    )
    with pytest.raises(DataError, match=re.escape(sentence)):
        choose_part([learns, double], split, "train")
