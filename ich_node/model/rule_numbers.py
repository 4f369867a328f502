"""The numbers of a threshold and a rule for peaks, as people type them."""

import math

from ich_node.errors import BundleError
from ich_node.model.bundle_header import BundleHeader

SENTENCES = {
    "threshold": "the threshold is a number between 0 and 1",
    "h": "h is a number, 0 or more",
    "T": "T is a number",
    "d": "d is a whole number of pixels, 1 or more",
    "gate": "the gate is a number from 0 (off) to 1",
}


def rule_number(name: str, text: str) -> float:
    """name: one of SENTENCES. Raises BundleError."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not _fits(name, number):
        raise BundleError(SENTENCES[name])
    return number


def present_numbers(header: BundleHeader) -> dict[str, float]:
    """Those that the bundle has, by name."""
    rule = header.card["peak_rule"]
    return {
        "threshold": header.threshold,
        "h": rule["min_prominence"],
        "T": rule["min_likelihood"],
        "d": rule["min_distance_px"],
        "gate": rule.get("slice_gate", 0.0),
    }


def _fits(name: str, number: float) -> bool:
    match name:
        case "threshold":
            return 0 < number < 1
        case "gate":
            return 0 <= number <= 1
        case "d":
            return number >= 1 and number.is_integer()
        case "h":
            return 0 <= number < math.inf
        case _:
            return math.isfinite(number)
