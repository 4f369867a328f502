"""A content tree -> an SR document: the modules around the tree, and the evidence."""

from collections.abc import Sequence

import highdicom as hd
from highdicom.enum import ContentQualificationValues
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.report.result_header import ResultHeader
from ich_node.report.tree import objects_of


def to_document(
    root: Dataset,
    *,
    result_header: ResultHeader,
    evidence: Sequence[Dataset],
    sop_class_uid: str,
    modality: str,
    kind: str,
    series_number: int,
    series_description: str,
) -> hd.base.SOPClass:
    """root: the root content item. evidence: headers of the source objects; every object that the
    tree refers to must be among them.
    """
    # Not highdicom's SR classes: they copy the whole tree, and collect evidence from the tree.
    document = hd.base.SOPClass(
        study_instance_uid=result_header.source_header.StudyInstanceUID,
        series_instance_uid=result_header.uids.make(f"{kind} series"),
        series_number=series_number,
        series_description=series_description,
        sop_instance_uid=result_header.uids.make(kind),
        sop_class_uid=sop_class_uid,
        instance_number=1,
        modality=modality,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_qualification=ContentQualificationValues.RESEARCH,
        **result_header.equipment(),
    )
    for element in root:
        document.add(element)
    document.ReferencedPerformedProcedureStepSequence = []
    document.CurrentRequestedProcedureEvidenceSequence = [_evidence(result_header, evidence)]
    result_header.finish(document)
    # The items of the tree are marked in the same way (tree.py).
    document.set_original_encoding(
        is_implicit_vr=False,
        is_little_endian=True,
        character_encoding=convert_encodings(str(document.SpecificCharacterSet)),
    )
    return document


def _evidence(result_header: ResultHeader, evidence: Sequence[Dataset]) -> Dataset:
    """The study with its series and their objects (PS3.3 C.17.2.1)."""
    by_series: dict[str, list[Dataset]] = {}
    for header in evidence:
        by_series.setdefault(header.SeriesInstanceUID, []).append(header)
    study = Dataset()
    study.StudyInstanceUID = result_header.source_header.StudyInstanceUID
    study.ReferencedSeriesSequence = [_series(uid, each) for uid, each in by_series.items()]
    return study


def _series(series_instance_uid: str, objects: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedSOPSequence = objects_of(objects)
    return series
