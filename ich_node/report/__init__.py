"""Reading + source headers -> DICOM objects. Pure: no files, sockets, clock, database or
configuration.
"""

from ich_node.report.context import Predecessor, ReportOptions, SourceSeries, lesions_of
from ich_node.report.imprint import Algorithm
from ich_node.report.notice import NotificationContext, notification_of, notification_of_refusal
from ich_node.report.overlay import render_overlay
from ich_node.report.result import ResultObject
from ich_node.report.unread import Unread, write_refusal
from ich_node.report.write import RESULT_SOP_CLASSES, write_report

__all__ = [
    "RESULT_SOP_CLASSES",
    "Algorithm",
    "NotificationContext",
    "Predecessor",
    "ReportOptions",
    "ResultObject",
    "SourceSeries",
    "Unread",
    "lesions_of",
    "notification_of",
    "notification_of_refusal",
    "render_overlay",
    "write_refusal",
    "write_report",
]
