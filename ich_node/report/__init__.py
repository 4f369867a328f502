"""Reading + source headers -> DICOM objects. Pure: no files, sockets, clock, database or configuration."""

from ich_node.report.context import Algorithm, ReportOptions, Source
from ich_node.report.overlay import render_overlay
from ich_node.report.result import ResultObject
from ich_node.report.write import write_report

__all__ = ["Algorithm", "ReportOptions", "ResultObject", "Source", "render_overlay", "write_report"]
