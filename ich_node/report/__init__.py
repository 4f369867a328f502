"""Reading + source headers -> DICOM objects. Pure: no files, sockets, clock, database or
configuration.
"""

from ich_node.report.context import (
    ReportOptions,
    SourceSeries,
    all_lesions,
    lesions_of,
    listed,
)
from ich_node.report.notification_content import (
    NotificationContext,
    notification_of,
    notification_of_refusal,
    notification_of_withdrawal,
    unread_part,
)
from ich_node.report.overlay import label_lines, render_overlay
from ich_node.report.predecessor import Predecessor
from ich_node.report.refusal_page import write_refusal_page
from ich_node.report.refusal_report import RefusedSeries, write_refusal
from ich_node.report.rejection_note import WithdrawnResults, write_rejection_note
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm
from ich_node.report.result_set import RESULT_SOP_CLASSES, write_report

__all__ = [
    "RESULT_SOP_CLASSES",
    "Algorithm",
    "NotificationContext",
    "Predecessor",
    "RefusedSeries",
    "ReportOptions",
    "ResultObject",
    "SourceSeries",
    "WithdrawnResults",
    "all_lesions",
    "label_lines",
    "lesions_of",
    "listed",
    "notification_of",
    "notification_of_refusal",
    "notification_of_withdrawal",
    "render_overlay",
    "unread_part",
    "write_refusal",
    "write_refusal_page",
    "write_rejection_note",
    "write_report",
]
