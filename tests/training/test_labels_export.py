"""From the verdicts of a node's readers to a model: what `jobs export` writes is a data set."""

import json
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from ich_node.ledger import TABLE, Verdict
from ich_node.phantom import make_study
from tests.support.command_line import ich_node
from tests.support.heads import head_series
from tests.support.read_series import read_node
from tests.support.training.short_runs import SHORT
from training.datasets import read_dataset
from training.errors import DataError

PATIENTS = 6
NAME = "Quisling^Zaphod"
MARKED = 3  # slices of each bleeding head


def bleeding(patient: int) -> tuple[list[Dataset], list[str]]:
    """A phantom, and the slices that a reader marks."""
    study = make_study(patient, rows=128, slice_mm=10, bleeds=["IPH"])
    datasets = study.datasets(patient_id=f"PID-{patient}", patient_name=NAME)
    places = [place["sop_instance_uid"] for place in study.truth()["bleeds"][0]["boxes"]]
    return datasets, places[:MARKED]


def healthy(patient: int) -> list[Dataset]:
    """Another study of the patient."""
    attributes = {
        "PatientID": f"PID-{patient}",
        "PatientName": NAME,
        "PatientBirthDate": "",
        "StudyInstanceUID": generate_uid(entropy_srcs=[f"study {patient}"]),
        "SeriesInstanceUID": generate_uid(entropy_srcs=[f"series {patient}"]),
    }
    datasets = head_series(**attributes)
    for number, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[f"slice {patient} {number}"])
    return datasets


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of each patient; of the last one nobody says anything."""
    folder = tmp_path_factory.mktemp("node")
    with read_node(folder) as node:
        for patient in range(PATIENTS):
            datasets, marked = bleeding(patient)
            said = [(node.read(datasets), True, "\n".join(marked)),
                    (node.read(healthy(patient)), False, "")]  # fmt: skip
            node.ledger.verdicts.record(
                [
                    Verdict(
                        job_id=job.id, at=node.clock.now, bleeding=bleeds, who="Lee", origin=TABLE,
                        type="intraparenchymal" if bleeds else "", slices=slices,
                    )
                    for job, bleeds, slices in said
                ],
                by="root",
            )  # fmt: skip
        node.read(healthy(PATIENTS))
        out = folder / "export"
        since = ("--since", "2020-01-01")
        ran = ich_node("jobs", "export", "--out", out, *since, "--deidentify", config=node.config)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.startswith(f"{2 * PATIENTS + 1} series, "), ran.stdout
    return out


def test_an_export_is_a_data_set(exported):
    """Marked slices bleed, the others of that head are unknown; those of a head without bleeding do
    not; what nobody judged is left out.
    """
    found = read_dataset(exported)
    assert (found.source, len(found.patients())) == ("labels", PATIENTS)
    assert found.counts() | {"slices": 0, "skipped": 0} == {
        "patients": PATIENTS,
        "series": 2 * PATIENTS,
        "positive_series": PATIENTS,
        "slices": 0,
        "labelled_slices": PATIENTS * (MARKED + 12),
        "positive_slices": PATIENTS * MARKED,
        "boxes": 0,
        "skipped": 0,
    }
    assert found.kinds() == {"IPH": PATIENTS * MARKED}
    assert {skip.reason for skip in found.skipped} == {"a series of which every row says unknown"}


@pytest.mark.extended
def test_from_an_export_to_a_bundle_and_its_card(exported, tmp_path, call):
    """check-data, split, run, evaluate; without boxes studies are measured, and tune says what it
    needs.
    """
    split, run, card = tmp_path / "split.json", tmp_path / "run", tmp_path / "card"
    checked = call("train", "check-data", exported)
    assert checked.exit_code == 0
    assert "found 12 series of 6 patients, 6 with bleeding" in checked.stdout
    assert "no boxes: `ich-node evaluate` measures slices and studies" in checked.stdout
    assert call("train", "split", exported, "--out", split).exit_code == 0
    cache = ("--cache", tmp_path / "cache")
    answer = call("train", "run", exported, "--split", split, "--out", run, *cache, *SHORT)
    assert answer.exit_code == 0, answer.output
    bundle = ("--bundle", run / "bundle.safetensors")
    resamples = ("--resamples", 100)
    answer = call("evaluate", exported, *bundle, "--split", split, "--out", card, *resamples)
    assert answer.exit_code == 0, answer.output
    assert "the data set has no boxes: slices and studies are measured" in answer.output
    assert "Studies at the bundle's own threshold" in answer.stdout
    figures = json.loads((card / "figures.json").read_text())["bundles"][0]
    assert (figures["study"]["count"], figures["study"]["positive"]) == (2, 1)
    assert figures["slice"]["positive"] == MARKED
    assert figures["localisation"]["boxes"] == 0
    assert figures["localisation"]["unlocated_slices"] > MARKED
    maps = ("--cache", tmp_path / "maps")
    with pytest.raises(DataError, match=r"no slice has a box, .* or labels\.csv with row0"):
        call("tune", exported, *bundle, "--split", split, "--out", tmp_path / "x", *maps)
