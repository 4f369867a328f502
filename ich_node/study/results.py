"""Results in the spool, and the document that a new one replaces."""

import io

import pydicom
import structlog

from ich_node.ledger import Result
from ich_node.notification import KIND, Notification
from ich_node.report import Predecessor, ResultObject
from ich_node.report.predecessor import KEYWORDS, predecessor_in
from ich_node.spool import Spool, Stored

log = structlog.get_logger(__name__)


def store_object(spool: Spool, result: ResultObject) -> Result:
    """Raises SpoolFull, Unavailable."""
    stored = spool.put(result.encode())
    return _row(result.kind, result.sop_instance_uid, result.sop_class_uid, stored)


def store_notification(spool: Spool, notification: Notification) -> Result:
    """Raises SpoolFull, Unavailable."""
    stored = spool.put(notification.encode(), suffix=".json")
    return _row(KIND, notification.uid, "", stored)


def predecessor_of(spool: Spool, previous: Result | None) -> Predecessor | None:
    """The SR that a new one replaces, if its file is still in the spool."""
    if previous is None:
        return None
    try:
        header = pydicom.dcmread(
            io.BytesIO(spool.read(previous.path)), specific_tags=list(KEYWORDS)
        )
    except FileNotFoundError:
        log.warning("predecessor_lost", sop_instance_uid=previous.sop_instance_uid)
        return None
    return predecessor_in(header)


def _row(kind: str, uid: str, sop_class_uid: str, stored: Stored) -> Result:
    return Result(
        sop_instance_uid=uid,
        sop_class_uid=sop_class_uid,
        kind=kind,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
