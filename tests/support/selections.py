"""Key Object Selections as a reader's workstation makes them, by highdicom."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import highdicom as hd
import pydicom
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.support.peers import KEY_OBJECTS

LABEL_AE = "ICHLABEL"
TO_LABELS = {
    "called_ae": LABEL_AE,
    "contexts": ((KEY_OBJECTS, (ExplicitVRLittleEndian,)),),
}
OF_INTEREST = codes.DCM.OfInterest
QUALITY_ISSUE = codes.DCM.QualityIssue


def selection(
    marked: Sequence[Dataset],
    *,
    title: Code = OF_INTEREST,
    reader: str = "Lee^Ann",
    uid: str = "2.25.900",
    **attributes: Any,
) -> Dataset:
    """Of these objects; attributes replace header values, None deletes them."""
    person = hd.sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(name=reader),
    )
    document = hd.ko.KeyObjectSelectionDocument(
        evidence=marked,
        content=hd.ko.KeyObjectSelection(
            document_title=title, referenced_objects=marked, observer_person_context=person
        ),
        series_instance_uid=f"{uid}.1",
        series_number=50,
        sop_instance_uid=uid,
        instance_number=1,
        manufacturer="Workstation Works",
    )
    return changed(document, **attributes)


def changed(document: Dataset, **attributes: Any) -> Dataset:
    """As another system would write it: without what highdicom keeps beside the bytes."""
    file = BytesIO()
    document.save_as(file, enforce_file_format=True)
    copy = pydicom.dcmread(BytesIO(file.getvalue()))
    for keyword, value in attributes.items():
        if value is None:
            delattr(copy, keyword)
        else:
            setattr(copy, keyword, value)
    return copy


def implicit(document: Dataset) -> Dataset:
    """Encoded again by a peer."""
    document.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    file = BytesIO()
    document.save_as(file, implicit_vr=True, little_endian=True)
    return pydicom.dcmread(BytesIO(file.getvalue()))
