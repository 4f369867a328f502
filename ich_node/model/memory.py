"""What the network said of slabs before, so that nobody needs to ask it twice."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.slabs import Slab


@dataclass(frozen=True, kw_only=True)
class SlabAnswer:
    """Of one slab, as MilOutput has it of a batch; likelihood_YX before upsampling."""

    logit: float
    likelihood_YX: NDArray[np.float32]


class Memory(Protocol):
    """Of one engine with one bundle. shift_hu: what was added to the slab's HU."""

    def recall(self, slab: Slab, shift_hu: float) -> SlabAnswer | None:
        """None: the network has to be asked."""
        ...

    def remember(self, slab: Slab, shift_hu: float, answer: SlabAnswer) -> None: ...


class NoMemory:
    """For a reading that is made once."""

    def recall(self, slab: Slab, shift_hu: float) -> SlabAnswer | None:  # noqa: ARG002 - as the protocol has it
        return None

    def remember(self, slab: Slab, shift_hu: float, answer: SlabAnswer) -> None:
        pass
