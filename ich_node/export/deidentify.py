"""De-identification by the Basic Application Confidentiality Profile of PS3.15 Annex E, without
options.

Its table of attributes, and what is done to an attribute, are dicom-anonymizer's (Kitware, BSD-3):
of the libraries that run with pydicom 3 it alone has the whole table of the standard, generated for
each edition. deid and dicognito have lists of their own, idiscore is under the GPL. It applies the
table to the top level alone; the walk through sequences is ours, and so is what is removed without
being in the table: private and unknown attributes, curves and overlays, addresses in the network,
every UID that is not the standard's.
"""

import secrets
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

from dicomanonymizer.simpledicomanonymizer import initialize_actions
from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID
from pydicom.valuerep import VR

from ich_node import __version__
from ich_node.dicom.identity import (
    IMPLEMENTATION_CLASS_UID,
    PRODUCT,
    version_name_of_file,
    without_build,
)
from ich_node.dicom.unreadable import PARSING_ERRORS

EDITION = "dicomfields_2026c"
STANDARD_ROOT = "1.2.840.10008."
PLANES = {0x5000, 0x6000}  # curves and overlays: groups 50xx and 60xx
PLANE_MASK = 0xFF00
BYTES = {VR.OB, VR.OW, VR.UN}
KEPT_IF_EMPTY = {"empty", "empty_or_replace", "delete_or_empty"}
# The profile allows an empty value. A dummy would say something: a date an age, an agent contrast.
EMPTIED = {Tag("PatientBirthDate"), Tag("ContrastBolusAgent")}
BASIC_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")


@cache
def actions() -> dict[tuple[int, int], Any]:
    """What the profile does to each attribute: functions of dicom-anonymizer, by tag."""
    return {tag: action for tag, action in initialize_actions(EDITION).items() if len(tag) == 2}


def is_identifying(tag: BaseTag) -> bool:
    """Whether the profile removes or replaces the attribute."""
    return (tag.group, tag.element) in actions()


class Deidentifier:
    """Replaces the same UID by the same new one, and the same patient by the same pseudonym, within
    one export.
    """

    def __init__(self) -> None:
        self._uids: dict[str, str] = {}
        self._patients: dict[tuple[str, ...], str] = {}

    def uid(self, original: str) -> str:
        """The new UID. It is random: nobody can compute it from the original."""
        if original not in self._uids:
            self._uids[original] = f"2.25.{secrets.randbits(122)}"
        return self._uids[original]

    def patient(self, dataset: Dataset) -> str:
        """The pseudonym of the dataset's patient."""
        keywords = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
        patient = tuple(str(dataset.get(keyword) or "") for keyword in keywords)
        return self._patients.setdefault(patient, f"P-{secrets.token_hex(5)}")

    def clean(self, dataset: Dataset) -> None:
        """De-identify the dataset of a file in place. Pixels and what describes them stay."""
        pseudonym = self.patient(dataset)
        self._clean(dataset)
        dataset.PatientID = dataset.PatientName = pseudonym
        dataset.PatientIdentityRemoved = "YES"
        software = f"{PRODUCT} {without_build(__version__)}"
        dataset.DeidentificationMethod = f"{software}: PS3.15 basic profile"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = BASIC_PROFILE
        dataset.DeidentificationMethodCodeSequence = Sequence([code])
        dataset.LongitudinalTemporalInformationModified = "REMOVED"
        syntax = dataset.file_meta.TransferSyntaxUID
        dataset.preamble = bytes(128)
        dataset.file_meta = _file_meta(dataset, syntax)

    def _clean(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            if not _is_known(tag):
                del dataset[tag]
                continue
            try:
                element = dataset[tag]
            except PARSING_ERRORS:  # nobody can say what it holds
                del dataset[tag]
                continue
            action = actions().get((tag.group, tag.element))
            name = action.__name__ if action else ""
            if element.VR == VR.SQ:
                if not name:
                    for item in cast(Iterable[Dataset], element.value):
                        self._clean(item)
                elif name in KEPT_IF_EMPTY:
                    element.value = Sequence()
                else:
                    del dataset[tag]
            elif (
                name == "delete"
                or element.VR == VR.UR
                or (name and element.VR in (VR.OB, VR.OW, VR.UN))
            ):
                del dataset[tag]
            elif element.VR == VR.UI:
                element.value = self._new_uids(element.value)
            elif tag in EMPTIED:
                element.value = ""
            elif action:
                action(dataset, (tag.group, tag.element))

    def _new_uids(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return self._new_uid(value or "")
        return [self._new_uid(uid) for uid in value]

    def _new_uid(self, uid: str) -> str:
        return uid if not uid or uid.startswith(STANDARD_ROOT) else self.uid(uid)


def _is_known(tag: BaseTag) -> bool:
    """What the dictionary of the standard does not know may hold anything."""
    return (
        not tag.is_private
        and dictionary_has_tag(tag)
        and tag.group & PLANE_MASK not in PLANES
        and tag.element != 0x0000
    )


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    """Of a file that names nobody who sent it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = version_name_of_file(__version__)
    return meta
