"""Slices on the network's pixel grid, in HU: resampled by the code of serving."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.network_input import (
    STANDARD_DEVIATION,
    STANDARD_MEAN,
    STORED_OFFSET,
    InputSpec,
    to_network_input,
)
from ich_node.series.series import Slice


def hu_on_grid(slices: Iterable[Slice], *, size_px: int, pixel_mm: float) -> NDArray[np.float32]:
    """hu_SYX. slices: upright, of one head."""
    spec = InputSpec(size_px=size_px, channels=(None,), pixel_mm=pixel_mm, padding="air")
    standard_SYX = np.stack([to_network_input(slice_, spec).image_CYX[0] for slice_ in slices])
    hu_SYX = standard_SYX * np.float32(STANDARD_DEVIATION) + np.float32(
        STANDARD_MEAN - STORED_OFFSET
    )
    return hu_SYX.astype(np.float32, copy=False)
