"""What an administrator decides about the selection of series ([selection] in config.toml), and
which shipped rules a rule of the site takes away (site_rules.py).
"""

from dataclasses import dataclass

from ich_node.dicom.geometry import LARGEST_GAP_MM
from ich_node.series.shipped_rules import NONE


@dataclass(frozen=True, kw_only=True)
class SelectionRules:
    """minimum_age: younger patients are refused, in years; 0 reads any age. largest_gap_mm: a
    longer step between two slices inside the brain is a hole. ignored: the names of shipped rules
    that do not hold for the series.
    """

    minimum_age: float = 0.0
    largest_gap_mm: float = LARGEST_GAP_MM
    ignored: frozenset[str] = NONE


USUAL_RULES = SelectionRules()
