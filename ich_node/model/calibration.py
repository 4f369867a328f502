"""From the network's logit to a probability."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Logit -> probability: sigmoid((logit + shift) / temperature)."""

    shift: float = 0.0
    temperature: float = 1.0

    def probability(self, logit: float) -> float:
        """0..1."""
        return float(self.probabilities(np.float64(logit)))

    def probabilities(self, logit: NDArray[Any] | np.float64) -> NDArray[Any]:
        """Element by element, 0..1."""
        scaled = (logit + self.shift) / self.temperature
        # exp of a negative number only: no overflow for any logit
        decay = np.exp(-np.abs(scaled))
        return np.where(scaled >= 0, 1 / (1 + decay), decay / (1 + decay))

    def logit(self, probability: float) -> float:
        """The logit of a probability below 1."""
        least = max(probability, float(np.finfo(np.float64).tiny))  # a very low logit becomes 0
        odds = float(np.log(least) - np.log1p(-least))
        return self.temperature * odds - self.shift
