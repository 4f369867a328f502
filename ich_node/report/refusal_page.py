"""A series that was not analysed -> a page that says so in large letters. From headers alone."""

from datetime import datetime

from ich_node.report.context import ReportOptions
from ich_node.report.refusal_report import RefusedSeries, refused_header
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm
from ich_node.report.secondary_capture import write_page
from ich_node.report.summary import refusal_page


def write_refusal_page(
    series: RefusedSeries,
    *,
    reason: str,
    detail: str,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> ResultObject | None:
    """None if the options ask for none, or if the series has no CT image. Raises ReportError as
    `write_refusal` does.
    """
    if "not_analysed" not in options.summary:
        return None
    found = refused_header(
        series, reason=reason, detail=detail, algorithm=algorithm, options=options, at=at
    )
    if found is None:
        return None
    result_header, headers = found
    page = refusal_page(
        reason,
        source=result_header.source,
        algorithm=algorithm,
        objects=len(series.datasets),
    )
    return write_page(result_header, options, page, headers)
