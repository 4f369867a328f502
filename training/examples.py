"""What a network learns from: labelled Slices as serving hands them to `to_network_input`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.series.series import Slice

UNKNOWN = 255  # in a mask


@dataclass(frozen=True, kw_only=True)
class Examples(ABC):
    """Labelled slices by their index.

    series_N: a number for each series. shift_N: the HU that `to_network_input` adds to each slice.
    digest: changes with the data.
    """

    label_N: NDArray[np.bool_]
    series_N: NDArray[np.intp]
    shift_N: NDArray[np.float64]
    digest: str

    def __len__(self) -> int:
        return len(self.label_N)

    @abstractmethod
    def slice_of(self, index: int) -> Slice:
        """The Slice that `to_network_input` gets."""

    @abstractmethod
    def mask_of(self, index: int) -> NDArray[np.uint8] | None:
        """In the pixels of the slice: 1 where there is blood, 0 where there is none, UNKNOWN where
        nobody knows. None if nothing is known beyond the slice's label.
        """

    @property
    @abstractmethod
    def has_masks(self) -> bool:
        """Whether every slice has a mask."""
