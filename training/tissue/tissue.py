"""A head without bleeding, or a part of one, as bleeds are drawn into it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """Neighbouring slices of one head in HU, on the network's grid; a single slice is a stack of
    one.

    hu_SYX: S from the neck to the vertex, square pixels of pixel_mm; padding is air. slice_mm: from
    slice to slice (of a stack of one: the thickness of the slice). patient: a pseudonym, by which
    tissue is split. name: the series or the file that it is from.
    """

    hu_SYX: NDArray[np.float32]
    pixel_mm: float
    slice_mm: float
    patient: str
    name: str
