"""A tree of content items -> an SR document: the modules around it, and the evidence that it refers
to.
"""

from collections.abc import Sequence

import highdicom as hd
from highdicom.enum import ContentQualificationValues
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.report.imprint import ResultHeader
from ich_node.report.tree import reference_to


def to_document(
    root: Dataset,
    imprint: ResultHeader,
    evidence: Sequence[Dataset],
    *,
    sop_class_uid: str,
    modality: str,
    kind: str,
    series_number: int,
    series_description: str,
) -> hd.base.SOPClass:
    """evidence: headers of the source objects; those that the tree refers to must be among them."""
    document = hd.base.SOPClass(
        study_instance_uid=imprint.header.StudyInstanceUID,
        series_instance_uid=imprint.uids.make(f"{kind} series"),
        series_number=series_number,
        series_description=series_description,
        sop_instance_uid=imprint.uids.make(kind),
        sop_class_uid=sop_class_uid,
        instance_number=1,
        modality=modality,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_qualification=ContentQualificationValues.RESEARCH,
        **imprint.equipment(),
    )
    for element in root:
        document.add(element)
    document.ReferencedPerformedProcedureStepSequence = []
    document.CurrentRequestedProcedureEvidenceSequence = [_evidence(imprint, evidence)]
    imprint.finish(document)
    # As every item of the tree: written as it is.
    document.set_original_encoding(
        is_implicit_vr=False,
        is_little_endian=True,
        character_encoding=convert_encodings(str(document.SpecificCharacterSet)),
    )
    return document


def _evidence(imprint: ResultHeader, evidence: Sequence[Dataset]) -> Dataset:
    """PS3.3 C.17.2.1: everything that was looked at, by study and series; ours is one series."""
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID = imprint.header.SeriesInstanceUID
    series.ReferencedSOPSequence = [reference_to(header) for header in evidence]
    study.StudyInstanceUID = imprint.header.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study
