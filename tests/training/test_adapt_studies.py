"""`ich-node adapt`: which studies are learned from, measured with, or not used."""

import io
from pathlib import Path

import pytest

from ich_node.model.learned_from import ADULTS
from ich_node.series.series import BrainMeasures
from training.adapt.adapted_bundle import widened
from training.adapt.command import ask_to_go_on, show_doubtful
from training.adapt.inputs import Folders, forget, inputs_of, open_work
from training.adapt.parts import Parts, divide, hashes_of
from training.adapt.recipe import Recipe
from training.adapt.studies import Protocol, Study
from training.adapt.suspects import (
    check_confirmed,
    read_confirmed,
    sort_studies,
    write_to_confirm,
)
from training.datasets import LabelledSeries, LabelledSlice
from training.errors import DataError


def study(
    number: int, *, patient: str = "", p: float = 0.1, hu: float = 30.0, noise_hu: float = 4.0
) -> Study:
    uids = {
        "patient_id": patient or f"P{number}",
        "study_instance_uid": f"1.2.{number}",
        "series_instance_uid": f"1.2.{number}.1",
    }
    slice_ = LabelledSlice(
        sop_instance_uid=f"1.2.{number}.1.1",
        path=Path(f"/data/{number}/1.dcm"),
        label=False,
        **uids,
    )
    return Study(
        labelled=LabelledSeries(source="labels", slices=(slice_,), label=False, **uids),
        probability=p,
        highest="17 of 32 (image 17)",
        points=0,
        brain=BrainMeasures(hu=hu, noise_hu=noise_hu, widest_cm2=140.0),
        protocol=Protocol(scanner="Maker Model", kernel="H31s", slice_mm="5"),
    )


def studies(count: int, **settings) -> list[Study]:
    return [study(number, **settings) for number in range(count)]


def patients(part: tuple[Study, ...]) -> set[str]:
    return {each.patient_id for each in part}


def test_a_third_of_the_patients_is_left_out():
    """No patient is in both; two studies of a patient stay together."""
    given = [*studies(20), study(20, patient="P0"), study(21, patient="P1")]
    parts = divide(given, [], seed=0)
    assert (len(patients(parts.training)), len(patients(parts.left_out))) == (13, 7)
    assert not patients(parts.training) & patients(parts.left_out)
    assert len(parts.training) + len(parts.left_out) == 22
    assert divide(given[::-1], [], seed=0).left_out == parts.left_out[::-1]
    assert divide(given, [], seed=1).left_out != parts.left_out


def test_two_patients_who_bleed_are_both_measured_with():
    """Three are divided; of fewer none would be left to measure with."""
    bleeding = [study(number) for number in (50, 51, 52)]
    two, three = (divide(studies(8), bleeding[:count], seed=0) for count in (2, 3))
    assert (len(two.bleeding), len(two.bleeding_left_out)) == (0, 2)
    assert (len(three.bleeding), len(three.bleeding_left_out)) == (2, 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (studies(7), "7 negative studies of 7 patients can be used; at least 8 of 6 patients"),
        (studies(30, patient="P"), "30 negative studies of 1 patients can be used"),
    ],
)
def test_too_few_studies_or_patients_are_said(given, words):
    """With the numbers that are needed."""
    with pytest.raises(DataError, match=words):
        divide(given, [], seed=0)
    with pytest.raises(DataError, match="or confirm those 3 that look positive"):
        divide(given, [], seed=0, doubtful=3)


def test_a_patient_on_both_sides_is_refused():
    """His head would be learned from and measured with."""
    with pytest.raises(
        DataError, match="1 patients have studies in --negatives and in --positives"
    ):
        divide(studies(8), [study(60, patient="P1")], seed=0)


def test_hashes_stand_for_patients():
    """In the card: no ID, the same for both studies of a patient."""
    hashes = hashes_of([study(1), study(2, patient="P1"), study(3)])
    assert len(hashes) == 2
    assert not {"P1", "P3"} & set(hashes)


def test_studies_that_look_positive_wait_for_a_person():
    """At or above the threshold; confirmed by the UID of the study or of the series."""
    given = [study(1, p=0.1), study(2, p=0.7), study(3, p=0.9), study(4, p=0.8)]
    sorted_ = sort_studies(given, threshold=0.7, confirmed=frozenset({"1.2.3", "1.2.4.1"}))
    assert [each.study_uid for each in sorted_.doubtful] == ["1.2.2"]
    assert [each.study_uid for each in sorted_.usable] == ["1.2.1", "1.2.3", "1.2.4"]
    assert [each.study_uid for each in sorted_.shown] == ["1.2.3", "1.2.4", "1.2.2", "1.2.1"]


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    """It stops: what is learned from the other studies alone is not what was meant."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y"))
    with pytest.raises(
        DataError, match="3 studies to be confirmed: give --confirmed FILE, or --yes"
    ):
        ask_to_go_on(3)


def test_the_file_to_confirm_is_what_confirmed_reads(tmp_path):
    """As it was written; a person deletes lines."""
    path = write_to_confirm([study(1, p=0.99), study(2, p=0.8)], tmp_path / "card")
    assert read_confirmed(path) == {"1.2.1", "1.2.2"}
    assert "0.9900, slice 17 of 32 (image 17), /data/1" in path.read_text()


def test_what_a_person_has_confirmed_is_never_overwritten(tmp_path):
    """Of three he deleted the one that bleeds: it is not offered to him again, with --again too."""
    card = tmp_path / "site.card"
    show_doubtful([study(1), study(2), study(3)], confirmed=None, folder=card)
    path = card / "to-confirm.txt"
    lines = path.read_text().splitlines(keepends=True)
    edited = "".join(line for line in lines if not line.startswith("1.2.2 "))
    path.write_text(edited)
    assert read_confirmed(path) == {"1.2.1", "1.2.3"}
    show_doubtful([study(2)], confirmed=path, folder=card)
    forget(Folders(bundle=tmp_path / "site.safetensors"))
    assert path.read_text() == edited


def test_mistakes_in_the_file_are_said(tmp_path):
    """A word that is no UID, and a UID of another folder."""
    path = tmp_path / "confirmed.txt"
    path.write_text("Miller\n")
    with pytest.raises(DataError, match="'Miller' is no UID"):
        read_confirmed(path)
    with pytest.raises(DataError, match=r"9\.9 is none of the studies that can be used"):
        check_confirmed(frozenset({"9.9", "1.2.1"}), [study(1)], path)


def test_the_model_knows_the_densities_and_noise_that_it_learned_from():
    """The range grows, and never shrinks."""
    learned = widened(ADULTS, [study(1, hu=52.4, noise_hu=11.5), study(2)])
    assert learned.brain_hu == (22.0, 52.4)
    assert learned.most_noise_hu == 11.5
    assert learned.minimum_age_years == ADULTS.minimum_age_years
    assert widened(ADULTS, [study(2)]) == ADULTS


def inputs(parts: Parts, **changed) -> str:
    facts = {"parent_sha256": "a", "confirmed": [], "recipe": Recipe(), "seed": 0} | changed
    return inputs_of([each.labelled for each in parts.training], [], **facts)


def test_work_goes_on_with_the_same_inputs_only(tmp_path):
    """Other options, another bundle or other studies are another adaptation."""
    parts = divide(studies(9), [], seed=0)
    folders = Folders(bundle=tmp_path / "site.safetensors")
    assert not open_work(folders, inputs(parts), Recipe(), size_px=256)
    assert open_work(folders, inputs(parts), Recipe(), size_px=256)
    others = (
        {"seed": 1},
        {"parent_sha256": "b"},
        {"confirmed": ["1.2"]},
        {"recipe": Recipe(rate=1)},
    )
    for changed in others:
        with pytest.raises(DataError, match="give the same ones, another --out, or --again"):
            open_work(folders, inputs(parts, **changed), Recipe(), size_px=256)


def test_a_full_disk_is_said_before_the_work(tmp_path):
    """With what is free and what is needed."""
    folders = Folders(bundle=tmp_path / "site.safetensors")
    with pytest.raises(DataError, match=r"MiB free, and the work needs about 18\d+ MiB"):
        open_work(folders, "x", Recipe(tissue_slices=10**9), size_px=256)
    assert not folders.work.exists()
