"""Any number of slices through a computation with a fixed batch size."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ich_node.model.engines.engine import Output


class FixedBatch:
    """compute reads x_BCYX and writes logit_B and likelihood_BYX; all three are in host memory.

    If the last batch is not full, its other places still hold earlier slices, whose answers are
    ignored: no layer mixes the slices of a batch.
    """

    def __init__(
        self,
        *,
        x_BCYX: Tensor,
        logit_B: Tensor,
        likelihood_BYX: Tensor,
        compute: Callable[[], None],
    ) -> None:
        self._x_BCYX = x_BCYX.numpy()
        self._logit_B = logit_B.numpy()
        self._likelihood_BYX = likelihood_BYX.numpy()
        self._compute = compute

    @property
    def size(self) -> int:
        return len(self._x_BCYX)

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        logit_B = np.empty(len(x_BCYX), dtype=np.float32)
        likelihood_BYX = np.empty((len(x_BCYX), *self._likelihood_BYX.shape[1:]), dtype=np.float32)
        for start in range(0, len(x_BCYX), self.size):
            part = slice(start, start + self.size)
            count = len(x_BCYX[part])
            self._x_BCYX[:count] = x_BCYX[part]
            self._compute()
            logit_B[part] = self._logit_B[:count]
            likelihood_BYX[part] = self._likelihood_BYX[:count]
        return logit_B, likelihood_BYX
