"""The highest probability of a series in files."""

from ich_node.errors import Refusal
from ich_node.files.find import SeriesFiles
from ich_node.model.detector import Detector
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules


def score_files(files: SeriesFiles, detector: Detector, *, rules: SelectionRules) -> float | None:
    """None if the node refuses the series."""
    try:
        series = read_series(files.datasets(), rules=rules)
    except Refusal:
        return None
    return detector.read(series).series_probability
