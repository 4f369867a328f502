"""Real heads without bleeding, on the network's grid: what bleeds are drawn into."""

from training.tissue.tissue import Tissue

__all__ = ["Tissue"]
