"""The result that a new one replaces."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.valuerep import DT

from ich_node.dicom.unreadable import PARSING_ERRORS

# What `predecessor_in` needs of a document.
KEYWORDS = (
    "SeriesInstanceUID",
    "SOPClassUID",
    "SOPInstanceUID",
    "ContentDate",
    "ContentTime",
    "TimezoneOffsetFromUTC",
)


@dataclass(frozen=True, kw_only=True)
class Predecessor:
    """The SR of an earlier answer, which the new one replaces. at: its time, None if unknown."""

    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    at: datetime | None = None


def predecessor_in(document: Dataset) -> Predecessor:
    """Of an SR that this node wrote. document: at least its KEYWORDS."""
    return Predecessor(
        series_instance_uid=str(document.SeriesInstanceUID),
        sop_class_uid=str(document.SOPClassUID),
        sop_instance_uid=str(document.SOPInstanceUID),
        at=_time_of(document),
    )


def zone_of(header: Dataset) -> timezone | None:
    """The time zone that the header states."""
    offset = str(header.get("TimezoneOffsetFromUTC") or "")
    try:
        sign, hours, minutes = offset[0], int(offset[1:3]), int(offset[3:5])
    except (IndexError, ValueError):
        return None
    return timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _time_of(document: Dataset) -> datetime | None:
    try:
        at = DT(f"{document.ContentDate}{document.ContentTime}")
    except PARSING_ERRORS:
        return None
    return datetime.fromisoformat(at.isoformat()).replace(tzinfo=zone_of(document) or UTC)
