"""What an administrator decides about the selection of series ([selection] in config.toml)."""

from dataclasses import dataclass

from ich_node.dicom.geometry import LARGEST_GAP_MM


@dataclass(frozen=True, kw_only=True)
class SelectionRules:
    """minimum_age: younger patients are refused, in years; 0 reads any age. largest_gap_mm: a
    longer step between two slices inside the brain is a hole.
    """

    minimum_age: float = 0.0
    largest_gap_mm: float = LARGEST_GAP_MM


USUAL_RULES = SelectionRules()
