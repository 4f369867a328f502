"""A pool of real tissue with drawn bleeds: real heads without blood, each drawn again and again.

The tissue is read once, by worker processes, and kept beside the chunks until the pool is
complete; the workers that draw memory-map it.
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.brain_shift import brain_shift, shift_of_brain
from training.data import tissue_licence
from training.datasets import LabelledSeries, Skip
from training.drawn import drawn_head
from training.errors import DataError
from training.pool import (
    BRAIN_HU,
    CHUNK,
    SIZE_PX,
    as_slice,
    empty_chunk,
    make_chunks,
    save_chunk,
)
from training.pool_facts import PoolFacts, TissueFacts, write_facts
from training.splits import Split, data_set_of, patient_hash
from training.tissue.negative_series import tissue_of
from training.tissue.tissue import Tissue
from training.workers import use_one_core

# Slices of one head that are drawn together: as many as a phantom gets. Bleeds and mimics differ
# from one drawing to the next, so many short ones teach more than few whole heads.
SLICES_PER_DRAWING = 8
TISSUE_PREFIX = "tissue-"

Progress = Callable[[int, int], None]


def no_progress(_ready: int, _total: int) -> None:
    """The default where nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The tissue of a series, on disk. shift_hu: `brain_shift` of the whole series."""

    path: Path
    patient: str
    name: str
    pixel_mm: float
    slice_mm: float
    slices: int
    shift_hu: float
    digest: str

    def some(self, rng: np.random.Generator) -> Tissue:
        """Neighbouring slices, anywhere in the head."""
        count = min(self.slices, SLICES_PER_DRAWING)
        first = int(rng.integers(self.slices - count + 1))
        hu_SYX = np.load(self.path, mmap_mode="r")[first : first + count]
        return Tissue(
            hu_SYX=hu_SYX.astype(np.float32),
            pixel_mm=self.pixel_mm,
            slice_mm=self.slice_mm,
            patient=self.patient,
            name=self.name,
        )


def make_tissue_pool(
    folder: Path,
    series: Sequence[LabelledSeries],
    count: int,
    *,
    seed: int,
    workers: int,
    size_px: int = SIZE_PX,
    split: Split | None = None,
    part: str = "",
    reading: Progress = no_progress,
    drawing: Progress = no_progress,
) -> tuple[PoolFacts, tuple[Skip, ...]]:
    """Make, or complete, a pool of `count` slices of these negative series of one data set; returns
    what it says of itself, and the series that could not be used. split, part: where the series are
    from. reading, drawing: called with the series and slices that are ready, and with their number.

    Raises DataError if no series can be used, or the folder holds another pool.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left_behind in folder.glob(f"{TISSUE_PREFIX}*"):  # by a run that was killed
        shutil.rmtree(left_behind)
    with TemporaryDirectory(dir=folder, prefix=TISSUE_PREFIX) as place:
        heads, skipped = [], []
        for read in _read_heads(series, Path(place), size_px=size_px, workers=workers):
            heads += [read] if isinstance(read, Head) else []
            skipped += [read] if isinstance(read, Skip) else []
            reading(len(heads) + len(skipped), len(series))
        if not heads:
            first = f": {skipped[0].reason} {skipped[0].detail}" if skipped else ""
            raise DataError(
                f"no head without bleeding can be used, of {len(series)} series{first}; "
                "`ich-node train check-data` says what a data set holds"
            )
        data_set = data_set_of(series[0].source)
        facts = PoolFacts(
            source="tissue",
            seed=seed,
            slices=count,
            size_px=size_px,
            licence=tissue_licence(series[0].source),
            tissue=TissueFacts(
                data_set=data_set,
                digest=_digest_of(heads),
                patients=tuple(sorted({patient_hash(data_set, head.patient) for head in heads})),
                heads=len(heads),
                slices=sum(head.slices for head in heads),
                split_sha256=split.sha256 if split else "",
                part=part,
            ),
        )
        write_facts(folder, facts)
        for ready in _draw_chunks(folder, heads, facts, workers=workers):
            drawing(ready, count)
    return facts, tuple(skipped)


def _read_heads(
    series: Sequence[LabelledSeries], place: Path, *, size_px: int, workers: int
) -> Iterator[Head | Skip]:
    """Write the tissue of each series, in the order of the series."""
    with ProcessPoolExecutor(workers, initializer=use_one_core) as executor:
        read = partial(_read_head, place, size_px=size_px)
        yield from executor.map(read, range(len(series)), series)


def _digest_of(heads: Sequence[Head]) -> str:
    """Of the pixels of all heads."""
    return hashlib.sha256("\n".join(head.digest for head in heads).encode()).hexdigest()


def _draw_chunks(
    folder: Path, heads: Sequence[Head], facts: PoolFacts, *, workers: int
) -> Iterator[int]:
    of_patient: dict[str, list[Head]] = defaultdict(list)
    for head in heads:
        of_patient[head.patient].append(head)
    make = partial(
        _draw_chunk,
        folder,
        heads_PN=list(of_patient.values()),
        seed=facts.seed,
        size_px=facts.size_px,
    )
    yield from make_chunks(folder, facts.slices, workers=workers, make=make)


def _read_head(folder: Path, number: int, series: LabelledSeries, *, size_px: int) -> Head | Skip:
    tissue = tissue_of(series, size_px=size_px)
    if isinstance(tissue, Skip):
        return tissue
    hu_SYX = np.rint(tissue.hu_SYX).astype(np.int16)
    path = folder / f"{number:05d}.npy"
    np.save(path, hu_SYX)
    return Head(
        path=path,
        patient=tissue.patient,
        name=tissue.name,
        pixel_mm=tissue.pixel_mm,
        slice_mm=tissue.slice_mm,
        slices=len(hu_SYX),
        shift_hu=brain_shift((as_slice(hu_YX) for hu_YX in hu_SYX), BRAIN_HU),
        digest=hashlib.sha256(hu_SYX.tobytes()).hexdigest(),
    )


def _draw_chunk(
    folder: Path, index: int, *, heads_PN: Sequence[Sequence[Head]], seed: int, size_px: int
) -> None:
    """Each chunk has a random stream of its own, so an interrupted pool is completed to the same
    pool.
    """
    rng = np.random.default_rng([seed, index])
    chunk = empty_chunk(size_px)
    filled = 0
    while filled < CHUNK:
        head = any_head(heads_PN, rng)
        drawn = drawn_head(head.some(rng), rng)
        rows = chunk[filled : filled + len(drawn.hu_SYX)]
        rows["hu"] = np.rint(drawn.hu_SYX[: len(rows)])
        rows["mask"] = drawn.mask_SYX[: len(rows)]
        rows["shift"] = _shift(rows["hu"], head)
        filled += len(rows)
    save_chunk(folder, index, chunk)


def any_head(heads_PN: Sequence[Sequence[Head]], rng: np.random.Generator) -> Head:
    """Every patient as often as the others, and of a patient every slice."""
    heads = heads_PN[int(rng.integers(len(heads_PN)))]
    slices_N = np.array([head.slices for head in heads])
    return heads[int(rng.choice(len(heads), p=slices_N / slices_N.sum()))]


def _shift(hu_SYX: NDArray[np.int16], head: Head) -> float:
    """Of the slices that were drawn; that of the head where they show no brain."""
    shift_hu = shift_of_brain((as_slice(hu_YX) for hu_YX in hu_SYX), BRAIN_HU)
    return head.shift_hu if shift_hu is None else shift_hu
