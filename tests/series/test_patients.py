"""Objects of several patients under one series."""

import pytest
from pydicom import Dataset

from ich_node.phantom import make_study
from ich_node.series.patients import check_one_patient
from ich_node.series.read import read_series
from tests.support.refusals import refusal
from tests.support.report.odd_headers import with_raw_values


def phantom(*patient_ids: str | None) -> list[Dataset]:
    """A head; the last objects get the given PatientIDs, None removes it."""
    datasets = make_study(7, bleeds=(), rows=128, tilt_deg=0.0).datasets()
    for dataset, patient_id in zip(datasets[-len(patient_ids) :], patient_ids, strict=True):
        dataset.PatientID = patient_id or ""
        if patient_id is None:
            del dataset.PatientID
    return datasets


def test_objects_of_two_patients_are_refused_without_their_ids() -> None:
    """How many, and an object of each; not the IDs, which would reach the log."""
    datasets = phantom("4711", "0815", "0815")
    refused = refusal(datasets)
    assert (refused.reason, refused.about_a_head) == ("mixed_patients", True)
    assert "of 3 patients" in refused.detail
    for index in (0, -3, -2):
        assert str(datasets[index].SOPInstanceUID) in refused.detail
    assert str(datasets[-1].SOPInstanceUID) not in refused.detail
    assert not [name for name in ("4711", "0815", datasets[0].PatientID) if name in refused.detail]


@pytest.mark.parametrize("nobody", [None, ""])
def test_an_object_without_a_patient_is_of_the_same_patient(nobody: str | None) -> None:
    """One PatientID is not more than one."""
    assert len(read_series(phantom(nobody)).slices) > 8


def test_the_padding_of_an_id_is_no_other_patient() -> None:
    """A space or NUL at its end means nothing; a tab does, and so does a leading zero."""

    def patients(*values: bytes) -> list[Dataset]:
        return [with_raw_values(Dataset(), {"PatientID": ("LO", value)}) for value in values]

    check_one_patient(patients(b"4711", b"4711 ", b"4711\0"))
    assert "of 3 patients" in _detail(patients(b"4711", b"04711 ", b"4711\t"))


def test_the_bytes_of_the_id_are_left_as_they_came() -> None:
    """The results copy them."""
    dataset = with_raw_values(Dataset(), {"PatientID": ("LO", b"4711\t ")})
    check_one_patient([dataset])
    assert dataset.get_item("PatientID").value == b"4711\t "


def _detail(datasets: list[Dataset]) -> str:
    with pytest.raises(Exception, match="patients") as caught:
        check_one_patient(datasets)
    return str(caught.value)
