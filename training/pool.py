"""A pool of phantom slices on disk: made once by worker processes, memory-mapped by training, resumed chunk by chunk."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ich_node.phantom import slices_of_head

CHUNK = 64
SLICES_PER_HEAD = 8
SIZE_PX = 256
PIXEL_MM = 0.9


@dataclass(frozen=True)
class Pool:
    """hu_NYX int16 in HU, mask_NYX uint8 (0 = no blood), both memory-mapped."""

    hu_NYX: NDArray[np.int16]
    mask_NYX: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hu_NYX)


def make_pool(folder: Path, count: int, *, seed: int, workers: int) -> Iterator[int]:
    """Make what is missing of a pool of `count` slices; yields the number of slices that are ready."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK))
    missing = [index for index in chunks if not _chunk_path(folder, index).exists()]
    ready = (len(chunks) - len(missing)) * CHUNK
    yield ready
    with ProcessPoolExecutor(workers) as executor:
        for _ in executor.map(_make_chunk, [folder] * len(missing), missing, [seed] * len(missing)):
            ready += CHUNK
            yield ready


def open_pool(folder: Path) -> Pool:
    """All chunks of a folder, joined."""
    chunks = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("chunk-*.npy"))]
    if not chunks:
        raise FileNotFoundError(f"{folder} holds no phantom pool; make one with `python -m training.train pool`")
    joined = np.concatenate(chunks)
    return Pool(hu_NYX=joined["hu"], mask_NYX=joined["mask"])


def _chunk_path(folder: Path, index: int) -> Path:
    return folder / f"chunk-{index:05d}.npy"


def _make_chunk(folder: Path, index: int, seed: int) -> None:
    """One chunk has its own random stream, so a resumed pool is the pool."""
    rng = np.random.default_rng([seed, index])
    chunk = np.empty(CHUNK, dtype=[("hu", np.int16, (SIZE_PX, SIZE_PX)), ("mask", np.uint8, (SIZE_PX, SIZE_PX))])
    position = 0
    while position < CHUNK:
        for slice_ in slices_of_head(rng, SLICES_PER_HEAD, size=SIZE_PX, pixel_mm=PIXEL_MM):
            chunk[position]["hu"] = np.rint(slice_.hu_YX)
            chunk[position]["mask"] = slice_.bleed_mask_YX > 0
            position += 1
    temporary = _chunk_path(folder, index).with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, chunk)
    temporary.rename(_chunk_path(folder, index))
