"""Pools of slices with masks on disk: made once by worker processes, chunk by chunk, and
memory-mapped by training. This one draws phantoms.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.brain_shift import brain_shift
from ich_node.phantom import slices_of_head
from ich_node.series.hounsfield import PADDING_BELOW_HU
from ich_node.series.series import Slice
from training.workers import use_one_core

CHUNK = 64
SLICES_PER_HEAD = 8
SIZE_PX = 256
FIELD_MM = 230.4  # 256 pixels of 0.9 mm
BRAIN_HU = 31.0


def make_pool(
    folder: Path, count: int, *, seed: int, workers: int, size_px: int = SIZE_PX
) -> Iterator[int]:
    """Make the chunks that are missing from a pool of `count` slices of size_px; yields the number
    of slices that are ready.
    """
    yield from make_chunks(
        folder,
        count,
        workers=workers,
        make=partial(_make_chunk, folder, seed=seed, size_px=size_px),
    )


def make_chunks(
    folder: Path, count: int, *, workers: int, make: Callable[[int], None]
) -> Iterator[int]:
    """Call make with the index of every chunk that is missing; yields the number of slices that
    are ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK))
    missing = [index for index in chunks if not _chunk_path(folder, index).exists()]
    ready = (len(chunks) - len(missing)) * CHUNK
    yield ready
    with ProcessPoolExecutor(workers, initializer=use_one_core) as executor:
        for _ in executor.map(make, missing):
            ready += CHUNK
            yield ready


def empty_chunk(size_px: int) -> NDArray[Any]:
    """The rows of a chunk, not filled."""
    return np.empty(
        CHUNK,
        dtype=[
            ("hu", np.int16, (size_px, size_px)),
            ("mask", np.uint8, (size_px, size_px)),
            ("shift", np.float32),
        ],
    )


def save_chunk(folder: Path, index: int, chunk: NDArray[Any]) -> None:
    """Whole or not at all."""
    temporary = _chunk_path(folder, index).with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, chunk)
    temporary.rename(_chunk_path(folder, index))


def as_slice(hu_YX: NDArray[Any]) -> Slice:
    """A slice of a pool as the Slice that serving would read."""
    pixel_mm = FIELD_MM / len(hu_YX)
    return Slice(
        sop_instance_uid="",
        sop_class_uid="",
        hu_YX=hu_YX,
        padding_YX=hu_YX < PADDING_BELOW_HU,
        pixel_spacing_mm=(pixel_mm, pixel_mm),
        image_position_mm=(0.0, 0.0, 0.0),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=0.0,
    )


def _chunk_path(folder: Path, index: int) -> Path:
    return folder / f"chunk-{index:05d}.npy"


def _make_chunk(folder: Path, index: int, *, seed: int, size_px: int) -> None:
    """Each chunk has a random stream of its own, so an interrupted pool is completed to the same
    pool.
    """
    rng = np.random.default_rng([seed, index])
    chunk = empty_chunk(size_px)
    pixel_mm = FIELD_MM / size_px
    for first in range(0, CHUNK, SLICES_PER_HEAD):
        head = chunk[first : first + SLICES_PER_HEAD]
        for row, slice_ in zip(
            head, slices_of_head(rng, SLICES_PER_HEAD, size=size_px, pixel_mm=pixel_mm), strict=True
        ):
            row["hu"] = np.rint(slice_.hu_YX)
            row["mask"] = slice_.bleed_mask_YX > 0
        head["shift"] = brain_shift((as_slice(hu_YX) for hu_YX in head["hu"]), BRAIN_HU)
    save_chunk(folder, index, chunk)
