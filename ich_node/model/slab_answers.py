"""What the network has answered about slabs, so that the same question is asked only once."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.slabs import Slab


@dataclass(frozen=True, kw_only=True)
class SlabAnswer:
    """The network's output for one slab: logit, and likelihood_YX before upsampling."""

    logit: float
    likelihood_YX: NDArray[np.float32]


class SlabAnswers(Protocol):
    """Answers of one engine with one bundle. shift_hu: what was added to the slab's HU."""

    def get(self, slab: Slab, shift_hu: float) -> SlabAnswer | None:
        """None if the network has not answered this yet."""
        ...

    def put(self, slab: Slab, shift_hu: float, answer: SlabAnswer) -> None: ...


class NoSlabAnswers:
    """For a reading that is made only once: nothing is known and nothing is kept."""

    def get(self, slab: Slab, shift_hu: float) -> SlabAnswer | None:  # noqa: ARG002 - the protocol's signature
        return None

    def put(self, slab: Slab, shift_hu: float, answer: SlabAnswer) -> None:
        pass
