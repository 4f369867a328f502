"""A Refusal -> an SR that says so: this series could not be analysed, and why. Never "no
hemorrhage".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from ich_node.errors import Refusal
from ich_node.report import codes
from ich_node.report.context import Predecessor, ReportOptions
from ich_node.report.evidence import to_bare_evidence
from ich_node.report.imprint import Algorithm, ResultHeader, in_the_zone_of
from ich_node.report.library import bare_image_library
from ich_node.report.result import ResultObject
from ich_node.report.sr import (
    measurement_group,
    presence,
    report_root,
    series_tracking_uid,
    sr_object,
)
from ich_node.report.tree import image
from ich_node.report.uids import UidMaker

CT_CLASSES = {CTImageStorage, EnhancedCTImageStorage}


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A series that was refused. datasets, digest, revision, predecessor: as of a Source."""

    study_instance_uid: str
    series_instance_uid: str
    datasets: Sequence[Dataset]
    digest: str
    revision: int
    predecessor: Predecessor | None = None


def write_refusal(
    unread: Unread, refusal: Refusal, *, algorithm: Algorithm, options: ReportOptions, at: datetime
) -> ResultObject | None:
    """The SR with "Undetermined" and the reason in words; None if none of the objects is a CT
    image, which is nobody's question.

    Raises ReportError if the source has UIDs that DICOM cannot refer to.
    """
    images = [dataset for dataset in unread.datasets if dataset.get("SOPClassUID") in CT_CLASSES]
    if not images:
        return None
    headers = to_bare_evidence(unread.study_instance_uid, unread.series_instance_uid, images)
    imprint = ResultHeader(
        algorithm=algorithm,
        ae_title=options.ae_title,
        uids=UidMaker(facts=_facts(unread, refusal, algorithm, options, at)),
        header=headers[0],
        at=in_the_zone_of(headers[0], at),
    )
    group = measurement_group(
        algorithm,
        "1501",
        ("series", series_tracking_uid(unread.series_instance_uid)),
        presence(codes.UNDETERMINED),
        *(image(codes.SOURCE_OF_MEASUREMENT, header, "CONTAINS") for header in headers),
    )
    remarks = [
        "NOT ANALYSED: whether there is intracranial hemorrhage is undetermined.",
        f"Reason ({refusal.reason}): {refusal.detail}",
    ]
    root = report_root(imprint, bare_image_library(headers), [group], remarks)
    return sr_object(root, imprint, headers, options.sr_class, unread.predecessor)


def _facts(
    unread: Unread, refusal: Refusal, algorithm: Algorithm, options: ReportOptions, at: datetime
) -> tuple[str, ...]:
    return (
        unread.series_instance_uid,
        unread.digest,
        str(unread.revision),
        unread.predecessor.sop_instance_uid if unread.predecessor else "",
        refusal.reason,
        refusal.detail,
        algorithm.bundle_sha256,
        algorithm.version,
        *options.facts(),
        at.isoformat(),
    )
