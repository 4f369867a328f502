"""A series that was not analysed -> an SR with "Undetermined" and the reason. It never says that
there is no hemorrhage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from ich_node.answer import Answer
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.report import codes
from ich_node.report.comments import verdict_line
from ich_node.report.context import ReportOptions
from ich_node.report.evidence import to_bare_evidence
from ich_node.report.image_library import bare_image_library
from ich_node.report.measurement_groups import (
    comment,
    common_items,
    measurement_group,
    number_of_frames,
    presence,
    series_tracking,
)
from ich_node.report.predecessor import Predecessor
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm, ResultHeader, in_the_zone_of
from ich_node.report.source_words import source_words
from ich_node.report.sr import report_root, sr_object
from ich_node.report.tree import image
from ich_node.report.uids import UidMaker

CT_CLASSES = {
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
}


@dataclass(frozen=True, kw_only=True)
class RefusedSeries:
    """A series that was not analysed: refused, or failed. The fields mean the same as in
    SourceSeries; a dataset needs SOPClassUID and SOPInstanceUID, and no more.
    """

    study_instance_uid: str
    series_instance_uid: str
    datasets: Sequence[Dataset]
    digest: str
    revision: int
    predecessor: Predecessor | None = None


def write_refusal(
    series: RefusedSeries,
    *,
    reason: str,
    detail: str,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> ResultObject | None:
    """The SR with "Undetermined" and the reason, a code and a sentence. None if the series has no
    CT image: nobody expects an answer about other modalities.

    Raises ReportError if the source lacks a UID that the SR refers to.
    """
    found = refused_header(
        series, reason=reason, detail=detail, algorithm=algorithm, options=options, at=at
    )
    if found is None:
        return None
    result_header, headers = found
    group = measurement_group(
        comment(f"Hemorrhage NOT ANALYSED: {detail}"),
        *_images_not_analysed(headers),
        presence(codes.UNDETERMINED),
        *(image(codes.SOURCE_OF_MEASUREMENT, header, "CONTAINS") for header in headers),
        template="1501",
        tracking=series_tracking(series.series_instance_uid),
        common=common_items(algorithm),
    )
    root = report_root(
        result_header,
        library=bare_image_library(headers),
        groups=[group],
        verdict=verdict_line(
            Answer.NOT_ANALYSED,
            f"{detail} ({reason}); this result does not say whether there is any hemorrhage",
            algorithm,
        ),
        remarks=[f"Reason ({reason}): {detail}", *result_header.source.sentences()],
    )
    return sr_object(
        root,
        result_header=result_header,
        evidence=headers,
        sr_class=options.sr_class,
        predecessor=series.predecessor,
        what="SR, not analysed",
    )


def refused_header(
    series: RefusedSeries,
    *,
    reason: str,
    detail: str,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> tuple[ResultHeader, list[Dataset]] | None:
    """What all results of a series that was not analysed have in common, and the clean headers of
    its CT images. None if it has none. Raises ReportError as `write_refusal` does.
    """
    images = [dataset for dataset in series.datasets if _is_ct(dataset)]
    if not images:
        return None
    headers = to_bare_evidence(series.study_instance_uid, series.series_instance_uid, images)
    # A damaged header has no patient, and its document would lie under none.
    identified = next((header for header in headers if header.PatientID), headers[0])
    at = in_the_zone_of(identified, at)
    result_header = ResultHeader(
        algorithm=algorithm,
        ae_title=options.ae_title,
        uids=UidMaker(
            facts=_facts(
                series, reason=reason, detail=detail, algorithm=algorithm, options=options, at=at
            )
        ),
        source_header=identified,
        source=source_words(
            identified, revision=series.revision, predecessor=series.predecessor, at=at
        ),
        at=at,
    )
    return result_header, headers


def _is_ct(dataset: Dataset) -> bool:
    try:
        return str(dataset.SOPClassUID) in CT_CLASSES and bool(dataset.SOPInstanceUID)
    except PARSING_ERRORS:
        return False


def _images_not_analysed(headers: Sequence[Dataset]) -> list[Dataset]:
    """How many, with one that has a matrix: OHIF shows an empty viewport if no image is named by
    coordinates.
    """
    framed = [header for header in headers if header.get("Rows") and header.get("Columns")]
    return [number_of_frames(len(headers), framed[len(framed) // 2])] if framed else []


def _facts(
    series: RefusedSeries,
    *,
    reason: str,
    detail: str,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> tuple[str, ...]:
    """Everything that decides the content of the SR."""
    return (
        series.series_instance_uid,
        series.digest,
        str(series.revision),
        series.predecessor.sop_instance_uid if series.predecessor else "",
        reason,
        detail,
        algorithm.bundle_sha256,
        algorithm.version,
        *options.facts(),
        at.isoformat(),
    )
