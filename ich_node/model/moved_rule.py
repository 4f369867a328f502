"""What a new threshold does to the rule for peaks."""

from ich_node.model.calibration import Calibration

# How far T lies below the logit of the threshold. The map is read at four times its resolution or
# less, where its highest value is a little lower than the logit of the slice.
BELOW_THRESHOLD = 0.5


def moved_with(
    threshold: float, *, gate: float, likelihood: float, head: str, calibration: Calibration
) -> tuple[float, float]:
    """The gate and T at this threshold: the gate is equal to it unless it is off (0), and with the
    max head T is below the logit of the threshold.
    """
    if head == "max":
        likelihood = min(likelihood, round(calibration.logit(threshold) - BELOW_THRESHOLD, 4))
    return (threshold if gate else 0.0), likelihood
