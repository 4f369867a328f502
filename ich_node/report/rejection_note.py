"""Results that were sent are taken back: a rejection note, which is a Key Object Selection
(TID 2010) of these results (IHE RAD TF, Imaging Object Change Management).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from ich_node.answer import WithdrawalReason
from ich_node.dicom.identity import RESEARCH_USE
from ich_node.report import codes
from ich_node.report.document import to_document
from ich_node.report.evidence import to_bare_evidence
from ich_node.report.observer import device_observer
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm, ResultHeader, in_the_zone_of
from ich_node.report.source_words import SourceWords
from ich_node.report.tree import composite, container, image, text
from ich_node.report.uids import UidMaker

SERIES_NUMBER = 9008
TITLES = {
    WithdrawalReason.WRONG_PATIENT: codes.INCORRECT_WORKLIST_ENTRY,
    WithdrawalReason.QUALITY: codes.REJECTED_FOR_QUALITY,
    WithdrawalReason.SAFETY: codes.REJECTED_FOR_SAFETY,
}


@dataclass(frozen=True, kw_only=True)
class WithdrawnResults:
    """headers: of all results of a job; the first one says whose they are. description: of the
    source series; revision: of the job.
    """

    headers: Sequence[Dataset] = field(repr=False)
    description: str
    revision: int


def write_rejection_note(
    withdrawn: WithdrawnResults,
    reason: WithdrawalReason,
    *,
    algorithm: Algorithm,
    ae_title: str,
    at: datetime,
) -> ResultObject:
    """The same arguments give the same bytes. It lies under the patient and the study under which
    the results lie.
    """
    first = withdrawn.headers[0]
    (source_header,) = to_bare_evidence(
        str(first.StudyInstanceUID), str(first.SeriesInstanceUID), [_without_content(first)]
    )
    at = in_the_zone_of(source_header, at)
    uids = [str(header.SOPInstanceUID) for header in withdrawn.headers]
    result_header = ResultHeader(
        algorithm=algorithm,
        ae_title=ae_title,
        uids=UidMaker(
            facts=("withdrawal", *uids, str(reason), ae_title, algorithm.version, at.isoformat())
        ),
        source_header=source_header,
        source=SourceWords(description=withdrawn.description, revision=withdrawn.revision),
        at=at,
    )
    description = (
        f"The answer of {algorithm.name} was withdrawn. {reason.sentence} "
        f"Objects that must no longer be used: {len(uids)}. {RESEARCH_USE}"
    )
    root = container(
        TITLES[reason],
        *device_observer(result_header),
        text(codes.KEY_OBJECT_DESCRIPTION, description, "CONTAINS"),
        *map(_reference, withdrawn.headers),
        template="2010",
        relationship=None,
    )
    document = to_document(
        root,
        result_header=result_header,
        evidence=withdrawn.headers,
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        modality="KO",
        kind="rejection note",
        series_number=SERIES_NUMBER,
        series_description=result_header.source.of_results("withdrawal"),
    )
    return ResultObject(kind="withdrawal", dataset=document)


def _without_content(header: Dataset) -> Dataset:
    """Without what a document says."""
    kept = Dataset()
    for element in header:
        if element.keyword != "ContentSequence":
            kept.add(element)
    return kept


def _reference(header: Dataset) -> Dataset:
    if "Rows" in header:
        return image(None, header, "CONTAINS")
    return composite(header, "CONTAINS")
