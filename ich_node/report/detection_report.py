"""The DICOM objects of what a Detector read, and what they say of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydicom import Dataset

from ich_node import __version__
from ich_node.detection.reading import Reading
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.report.context import Predecessor, ReportOptions, SourceSeries
from ich_node.report.imprint import Algorithm
from ich_node.report.result import ResultObject
from ich_node.report.write import write_report
from ich_node.series.series import Series


def report_on(
    series: Series,
    datasets: Sequence[Dataset],
    reading: Reading,
    detector: Detector,
    *,
    digest: str,
    revision: int,
    at: datetime,
    options: ReportOptions,
    predecessor: Predecessor | None = None,
) -> Iterator[ResultObject]:
    """The DICOM objects of a Reading, each built when it is asked for. Raises ReportError at once."""
    return write_report(
        SourceSeries(
            series=series,
            datasets=datasets,
            digest=digest,
            revision=revision,
            predecessor=predecessor,
        ),
        reading,
        detector.likelihood_on_slice,
        algorithm=algorithm_of(detector.bundle),
        options=options,
        at=at,
    )


def algorithm_of(bundle: Bundle) -> Algorithm:
    """What the report says about who read."""
    rule = bundle.peak_rule
    return Algorithm(
        name="ich-node MIL detector",
        version=__version__,
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        details=(
            f"{bundle.network_spec.head} head; positive from {bundle.operating_point.threshold:g}; "
            f"h {rule.min_prominence:g}, T {rule.min_likelihood:g}, d {rule.min_distance_px} px, gate {rule.slice_gate:g}"
        ),
    )
