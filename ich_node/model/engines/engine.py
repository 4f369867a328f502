"""What the Detector asks of whatever runs the network."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Output = tuple[NDArray[np.float32], NDArray[np.float32]]


class Engine(Protocol):
    """A network with its weights, ready to run. Not thread-safe; one a process.

    name: for logs and for the UIDs of results. batch: so many slices at a time are read fastest;
    any number is right.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        """(B, channels, size, size) -> logit_B, likelihood_BYX as MilOutput has them, in the
        computer's own memory.
        """
        ...
