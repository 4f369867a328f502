"""Whether the objects of a series are of one patient."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from ich_node.errors import MixedPatients
from ich_node.series.attributes import uid_of, value_of

PATIENT_ID = Tag("PatientID")
MOST_NAMED = 5


def check_one_patient(datasets: Sequence[Dataset]) -> None:
    """Raises MixedPatients, with an object of each patient; their IDs are not in the message.

    An object without PatientID is of the same patient as the others.
    """
    first_of: dict[bytes, str] = {}
    for dataset in datasets:
        patient_id = _patient_id(dataset)
        if patient_id:
            first_of.setdefault(patient_id, uid_of(dataset, "SOPInstanceUID"))
    if len(first_of) < 2:
        return
    named = list(first_of.values())[:MOST_NAMED]
    more = "" if len(first_of) == len(named) else ", ..."
    raise MixedPatients(
        f"the objects of the series are of {len(first_of)} patients, by their PatientID: "
        f"{', '.join(named)}{more} (an object of each); correct it at the source and send again"
    )


def _patient_id(dataset: Dataset) -> bytes:
    """The bytes as they came, which are what the results will carry, without their padding."""
    element = dataset.get_item(PATIENT_ID)
    if isinstance(element, RawDataElement):
        return (element.value or b"").strip(b" \0")
    return str(value_of(dataset, "PatientID") or "").strip(" \0").encode()
