"""What a network learns from: labelled Slices as serving hands them to `to_network_input`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ich_node.series.series import Slice

UNKNOWN = 255  # in a mask


class Epoch(NamedTuple):
    """The examples of one epoch, in the order in which they are learned from.

    pass_N: how often all examples of the same set were seen before, so that an example that comes
    twice in an epoch is changed in two ways.
    """

    example_N: NDArray[np.intp]
    pass_N: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Examples(ABC):
    """Labelled slices by their index.

    An example is one slice, or a bag: neighbours by index, all labelled True, of which at least one
    bleeds, and nobody knows which. bag_N: slices of one number are one example; None: there are no
    bags. series_N: a number for each series. shift_N: the HU that `to_network_input` adds to each
    slice. digest: changes with the data.
    """

    label_N: NDArray[np.bool_]
    series_N: NDArray[np.intp]
    shift_N: NDArray[np.float64]
    digest: str
    bag_N: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        """The number of slices."""
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
        """Whether some slices have a mask that shows blood."""

    @cached_property
    def start_E(self) -> NDArray[np.intp]:
        """The first slice of each example; the number of slices at its end."""
        numbers = np.arange(len(self)) if self.bag_N is None else self.bag_N
        return np.append(np.flatnonzero(np.diff(numbers, prepend=-1)), len(self))

    @property
    def count(self) -> int:
        """The number of examples."""
        return len(self.start_E) - 1

    @property
    def label_E(self) -> NDArray[np.bool_]:
        """The label of each example."""
        return self.label_N[self.start_E[:-1]]

    @property
    def series_E(self) -> NDArray[np.intp]:
        """The series of each example."""
        return self.series_N[self.start_E[:-1]]

    @property
    def positive(self) -> int:
        """The number of examples that bleed."""
        return int(self.label_E.sum())

    @property
    def in_epoch(self) -> int:
        """How many examples an epoch has."""
        return self.count

    @property
    def positive_in_epoch(self) -> int:
        """How many of them bleed."""
        return self.positive

    def epoch(self, seed: int, number: int) -> Epoch:
        """It depends on seed and number alone, so a run can begin anywhere."""
        order_N = np.random.default_rng([seed, number]).permutation(self.count)
        return Epoch(order_N, np.full(self.count, number))

    def parts(self) -> dict[str, slice]:
        """The examples of each set that these are mixed of, by its name."""
        return {}

    def known_mask(self, index: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The mask of a slice of this shape. Where there is none, its label fills it: no blood in a
        slice without bleeding, UNKNOWN in one with.
        """
        mask_YX = self.mask_of(index)
        if mask_YX is None:
            return np.full(shape, UNKNOWN if self.label_N[index] else 0, dtype=np.uint8)
        return mask_YX
