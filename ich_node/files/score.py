"""The highest probability of a series in files."""

from dataclasses import replace

from ich_node.errors import Refusal
from ich_node.files.find import SeriesFiles
from ich_node.model.detector import Detector
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from ich_node.series.site_rules import SiteRules


def score_files(
    files: SeriesFiles, detector: Detector, *, rules: SelectionRules, site_rules: SiteRules
) -> float | None:
    """None if the node refuses the series. A series that a rule of the site would hold is read."""
    datasets = files.datasets()
    try:
        decision = site_rules.decide(datasets, source=None, released=True)
        decision.check_refused()
        series = read_series(datasets, rules=replace(rules, ignored=decision.ignored))
    except Refusal:
        return None
    return detector.read(series).series_probability
