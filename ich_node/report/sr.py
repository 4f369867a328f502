"""The structured report: TID 1500 Measurement Report.

::

    Imaging Measurement Report
    ├── the verdict, as a comment     first, for people who read the document as text
    ├── observer (Device), Procedure reported, Image Library
    ├── Imaging Measurements          the groups of measurement_groups.py
    └── Qualitative Evaluations       comments for people, comments.py

`tree.py` says which parts are highdicom's templates and which are ours.
"""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE
from ich_node.report import codes
from ich_node.report.comments import comments, verdict
from ich_node.report.context import Context, SrClass
from ich_node.report.document import to_document
from ich_node.report.image_library import image_library
from ich_node.report.measurement_groups import measurement_groups
from ich_node.report.observer import device_observer
from ich_node.report.predecessor import Predecessor
from ich_node.report.result import ResultObject
from ich_node.report.result_header import ResultHeader
from ich_node.report.tree import coded, container, reference_to, text

SERIES_NUMBER = 9001
# All coordinates are SCOORD, so the same tree is legal in each of these classes.
SR_CLASSES: dict[SrClass, UID] = {
    "comprehensive3d": Comprehensive3DSRStorage,
    "comprehensive": ComprehensiveSRStorage,
    "enhanced": EnhancedSRStorage,
}


def write_sr(context: Context) -> ResultObject:
    """The SR of a reading, positive or negative."""
    library = [read.header for read in context.positive_slices or context.slices]
    root = report_root(
        context.result_header,
        library=image_library(library),
        groups=measurement_groups(context),
        verdict=verdict(context),
        remarks=comments(context),
    )
    return sr_object(
        root,
        result_header=context.result_header,
        evidence=[read.header for read in context.slices],
        sr_class=context.options.sr_class,
        predecessor=context.predecessor,
    )


def sr_object(
    root: Dataset,
    *,
    result_header: ResultHeader,
    evidence: Sequence[Dataset],
    sr_class: SrClass,
    predecessor: Predecessor | None,
    what: str = "SR",
) -> ResultObject:
    """The document: complete, preliminary and unverified, since no person has seen it.

    what: the beginning of its Series Description.
    """
    document = to_document(
        root,
        result_header=result_header,
        evidence=evidence,
        sop_class_uid=SR_CLASSES[sr_class],
        modality="SR",
        kind="sr",
        series_number=SERIES_NUMBER,
        series_description=result_header.source.of_results(what),
    )
    document.CompletionFlag = "COMPLETE"
    document.VerificationFlag = "UNVERIFIED"
    document.PreliminaryFlag = "PRELIMINARY"
    document.PerformedProcedureCodeSequence = []
    if predecessor is not None:
        document.PredecessorDocumentsSequence = [_reference_to(predecessor, result_header)]
    return ResultObject(kind="sr", dataset=document)


def report_root(
    result_header: ResultHeader,
    *,
    library: Dataset,
    groups: Sequence[Dataset],
    verdict: str,
    remarks: Sequence[str],
) -> Dataset:
    """The content tree of TID 1500. The verdict is an addition: the template is extensible."""
    demonstration = [DEMONSTRATION_MODEL] if result_header.algorithm.demonstration else []
    return container(
        codes.IMAGING_MEASUREMENT_REPORT,
        coded(codes.LANGUAGE, codes.ENGLISH, "HAS CONCEPT MOD"),
        text(codes.COMMENT, verdict, "CONTAINS"),
        *device_observer(result_header),
        coded(codes.PROCEDURE_REPORTED, codes.CT_PROCEDURE, "HAS CONCEPT MOD"),
        library,
        container(codes.IMAGING_MEASUREMENTS, *groups, continuous=True),
        container(
            codes.QUALITATIVE_EVALUATIONS,
            *(
                text(codes.COMMENT, remark, "CONTAINS")
                for remark in (RESEARCH_USE, *demonstration, *remarks)
            ),
        ),
        template="1500",
        relationship=None,
        continuous=True,
    )


def _reference_to(predecessor: Predecessor, result_header: ResultHeader) -> Dataset:
    """The item of Predecessor Documents Sequence; the predecessor is in the same study."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.SOPClassUID = predecessor.sop_class_uid
    instance.SOPInstanceUID = predecessor.sop_instance_uid
    series.SeriesInstanceUID = predecessor.series_instance_uid
    series.ReferencedSOPSequence = [reference_to(instance)]
    study.StudyInstanceUID = result_header.source_header.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study
