"""What the Detector requires of an engine, which runs the network."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Output = tuple[NDArray[np.float32], NDArray[np.float32]]


class Engine(Protocol):
    """A network with its weights, ready to run. Not thread-safe: one per process.

    name: for logs and for the UIDs of results. batch: the number of slices per call that is
    fastest; any number is allowed.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        """(B, channels, size, size) -> logit_B, likelihood_BYX as in MilOutput, in host memory."""
        ...
