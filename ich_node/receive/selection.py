"""A Key Object Selection (PS3.3 C.17.6, TID 2010) of a reader: its title, its author, and the
objects that it marks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from ich_node.config.settings import VerdictSettings
from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.receive.header import is_cut_short
from ich_node.receive.own_objects import concept_of, items_of, made_here
from ich_node.receive.status import NotStored, Status

PERSON_OBSERVER_NAME = "121008"
MARKING = {"IMAGE", "COMPOSITE", "WAVEFORM"}
MOST_OBJECTS = 10_000
MOST_NAME_CHARACTERS = 64
UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@dataclass(frozen=True, kw_only=True)
class ReaderSelection:
    """titles: code value and meaning of the document title. reader: the name of its author; empty
    if it has none. series_of: the series of each marked object; empty if it is not said.
    """

    sop_class_uid: str
    sop_instance_uid: str
    titles: tuple[str, ...]
    reader: str
    series_of: Mapping[str, str]
    made_here: bool

    def bleeding(self, settings: VerdictSettings) -> bool | None:
        """What the title says; None: the images are of bad quality. Raises NotStored if it says
        neither.
        """
        if self._is_one_of(settings.positive):
            return True
        if self._is_one_of(settings.quality):
            return None
        raise NotStored(Status.NO_VERDICT, "its title is not in [verdicts] positive or quality")

    def _is_one_of(self, wanted: Sequence[str]) -> bool:
        own = {title.strip().casefold() for title in self.titles if title.strip()}
        return any({each.strip().casefold(), _value_of(each)} & own for each in wanted)


def read_selection(data: bytes, transfer_syntax: UID, *, ae_title: str) -> ReaderSelection:
    """Of the encoded data set. ae_title: of this node. Raises NotStored if it cannot be read."""
    if is_cut_short(data, transfer_syntax):
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, "the data set ends within an element")
    try:
        dataset = read_dataset(
            BytesIO(data), transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian
        )
        return _selection(dataset, ae_title)
    except PARSING_ERRORS as error:
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, "the data set cannot be parsed") from error


def _selection(dataset: Dataset, ae_title: str) -> ReaderSelection:
    for keyword in UIDS:
        uid = str(dataset.get(keyword) or "")
        if not uid:
            raise NotStored(Status.UID_MISSING, f"{keyword} is missing or empty")
        if not is_legal_uid(uid):
            raise NotStored(Status.UID_ILLEGAL, f"{keyword} is not a UID")
    items = list(items_of(dataset))
    names = dataset.get("ConceptNameCodeSequence") or ()
    if not names or not items:
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, "the selection has no title or no content")
    evidence = _evidence(dataset)
    marked = [
        str(reference.ReferencedSOPInstanceUID)
        for item in items
        if item.get("ValueType") in MARKING
        for reference in item.get("ReferencedSOPSequence") or ()
    ]
    legal = [uid for uid in dict.fromkeys(marked) if is_legal_uid(uid)]
    return ReaderSelection(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        titles=tuple(
            str(names[0].get(keyword) or "")
            for keyword in ("CodeValue", "LongCodeValue", "CodeMeaning")
        ),
        reader=_reader(dataset, items),
        series_of={uid: evidence.get(uid, "") for uid in legal[:MOST_OBJECTS]},
        made_here=made_here(dataset, ae_title=ae_title),
    )


def _evidence(dataset: Dataset) -> dict[str, str]:
    """The series of each object that the selection lists as its evidence."""
    return {
        str(reference.ReferencedSOPInstanceUID): str(series.SeriesInstanceUID)
        for keyword in (
            "CurrentRequestedProcedureEvidenceSequence",
            "PertinentOtherEvidenceSequence",
        )
        for study in dataset.get(keyword) or ()
        for series in study.get("ReferencedSeriesSequence") or ()
        for reference in series.get("ReferencedSOPSequence") or ()
    }


def _reader(dataset: Dataset, items: Sequence[Dataset]) -> str:
    """Empty if nobody is named, or the patient is."""
    named = [
        *(item.get("PersonName") for item in items if concept_of(item) == PERSON_OBSERVER_NAME),
        *(each.get("PersonName") for each in dataset.get("AuthorObserverSequence") or ()),
        *(
            each.get("VerifyingObserverName")
            for each in dataset.get("VerifyingObserverSequence") or ()
        ),
        dataset.get("ContentCreatorName"),
    ]
    patient = str(dataset.get("PatientName") or "").casefold()
    names = (str(name or "").strip(" ^=")[:MOST_NAME_CHARACTERS] for name in named)
    return next((name for name in names if name and name.casefold() not in patient), "")


def _value_of(meaning: str) -> str:
    """The code value of a DICOM title such as "Of Interest", for titles in other languages."""
    keyword = "".join(word.capitalize() for word in meaning.split())
    code = getattr(codes.DCM, keyword, None) if keyword.isidentifier() else None
    return "" if code is None else str(code.value)
