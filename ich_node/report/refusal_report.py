"""A refused series -> an SR with "Undetermined" and the reason. It never says that there is no
hemorrhage.
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

from ich_node.errors import Refusal
from ich_node.report import codes
from ich_node.report.context import Predecessor, ReportOptions
from ich_node.report.evidence import to_bare_evidence
from ich_node.report.image_library import bare_image_library
from ich_node.report.measurement_groups import (
    common_items,
    measurement_group,
    presence,
    series_tracking,
)
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm, ResultHeader, in_the_zone_of
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
    """A series that was refused. The fields mean the same as in SourceSeries."""

    study_instance_uid: str
    series_instance_uid: str
    datasets: Sequence[Dataset]
    digest: str
    revision: int
    predecessor: Predecessor | None = None


def write_refusal(
    series: RefusedSeries,
    refusal: Refusal,
    *,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> ResultObject | None:
    """The SR with "Undetermined" and the reason in words. None if the series has no CT image:
    nobody expects an answer about other modalities.

    Raises ReportError if the source has UIDs that DICOM cannot refer to.
    """
    images = [dataset for dataset in series.datasets if dataset.get("SOPClassUID") in CT_CLASSES]
    if not images:
        return None
    headers = to_bare_evidence(series.study_instance_uid, series.series_instance_uid, images)
    result_header = ResultHeader(
        algorithm=algorithm,
        ae_title=options.ae_title,
        uids=UidMaker(
            facts=_facts(series, refusal=refusal, algorithm=algorithm, options=options, at=at)
        ),
        source_header=headers[0],
        at=in_the_zone_of(headers[0], at),
    )
    group = measurement_group(
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
        remarks=[
            "NOT ANALYSED: whether there is intracranial hemorrhage is undetermined.",
            f"Reason ({refusal.reason}): {refusal.detail}",
        ],
    )
    return sr_object(
        root,
        result_header=result_header,
        evidence=headers,
        sr_class=options.sr_class,
        predecessor=series.predecessor,
    )


def _facts(
    series: RefusedSeries,
    *,
    refusal: Refusal,
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
        refusal.reason,
        refusal.detail,
        algorithm.bundle_sha256,
        algorithm.version,
        *options.facts(),
        at.isoformat(),
    )
