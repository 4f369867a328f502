"""Examples from a pool."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ich_node.detection.network_input import InputSpec
from ich_node.series.series import Slice
from training.errors import DataError
from training.examples import Examples
from training.pool import BRAIN_HU, FIELD_MM, as_slice

LEAST_BLOOD_MM2 = 9.7  # in a slice, for it to be positive


@dataclass(frozen=True, kw_only=True)
class PoolExamples(Examples):
    """The slices of a pool, each a series of its own. They lie on the network's pixel grid
    already.
    """

    chunks: tuple[NDArray[Any], ...] = field(repr=False)

    @property
    @override
    def has_masks(self) -> bool:
        return True

    @override
    def slice_of(self, index: int) -> Slice:
        return as_slice(self._row(index)["hu"])

    @override
    def mask_of(self, index: int) -> NDArray[np.uint8]:
        mask_YX: NDArray[np.uint8] = self._row(index)["mask"]
        return mask_YX

    def _row(self, index: int) -> Any:
        return self.chunks[index // len(self.chunks[0])][index % len(self.chunks[0])]


def is_pool(folder: Path) -> bool:
    """Whether `ich-node train pool` made this folder."""
    return any(folder.glob("chunk-*.npy"))


def chunks_of(folder: Path) -> tuple[NDArray[Any], ...]:
    """The chunks of a pool, memory-mapped. Raises DataError if it is none, or of an earlier
    version.
    """
    paths = sorted(folder.glob("chunk-*.npy"))
    if not paths:
        raise DataError(
            f"{folder} holds no pool; make one with `ich-node train pool --out {folder}`"
        )
    chunks = tuple(np.load(path, mmap_mode="r") for path in paths)
    if "shift" not in (chunks[0].dtype.names or ()):
        raise DataError(
            f"{folder} was made by an earlier version; "
            "delete it and make it again with `ich-node train pool`"
        )
    return chunks


def examples_of_pool(folder: Path, spec: InputSpec) -> PoolExamples:
    """Open a pool, memory-mapped. Raises DataError if it does not fit the preset's input."""
    if spec.brain_hu not in (None, BRAIN_HU):
        raise DataError(
            f"a pool knows the shift to a brain of {BRAIN_HU} HU, the preset wants {spec.brain_hu}"
        )
    chunks = chunks_of(folder)
    if (size_px := chunks[0].dtype["hu"].shape[0]) != spec.size_px:
        raise DataError(
            f"{folder} has slices of {size_px} px, the preset wants {spec.size_px}; "
            f"give --size {size_px}, or make a pool with --size {spec.size_px}"
        )
    blood_N = np.concatenate([np.count_nonzero(chunk["mask"], axis=(1, 2)) for chunk in chunks])
    shift_N = np.concatenate([chunk["shift"] for chunk in chunks]).astype(np.float64)
    return PoolExamples(
        chunks=chunks,
        label_N=blood_N * (FIELD_MM / size_px) ** 2 >= LEAST_BLOOD_MM2,
        series_N=np.arange(len(blood_N)),
        shift_N=shift_N if spec.brain_hu is not None else np.zeros(len(blood_N)),
        digest=hashlib.sha256(shift_N.tobytes() + blood_N.tobytes()).hexdigest(),
    )
