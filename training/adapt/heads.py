"""The known heads that both bundles are measured on: bleeds drawn into left-out studies, and
phantoms.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from ich_node.phantom import slices_of_head
from training.adapt.known_head import KnownHead, head_of_drawn, head_of_phantoms
from training.drawn import drawn_head
from training.errors import DataError
from training.pool import FIELD_MM, SLICES_PER_HEAD
from training.tissue import Tissue
from training.workers import use_one_core

MOST_ROUNDS = 100  # over all heads
Progress = Callable[[int, int], None]


def drawn_heads(
    tissues: Sequence[Tissue],
    *,
    bleeds: int,
    seed: Sequence[int],
    workers: int,
    progress: Progress = lambda *_: None,
) -> list[KnownHead]:
    """So many bleeds or a few more: bleeds are drawn into every head in turn, anew each time.

    Raises DataError if the heads have no room for so many: nothing could be measured.
    """
    heads: list[KnownHead] = []
    found = 0
    with ProcessPoolExecutor(workers, initializer=use_one_core) as executor:
        for number in range(MOST_ROUNDS):
            draw = partial(_drawn, seed=(*seed, number))
            for head in executor.map(draw, range(len(tissues)), tissues):
                heads.append(head)
                found += len(head.bleeds)
                progress(min(found, bleeds), bleeds)
            if found >= bleeds:
                return heads
    raise DataError(
        f"only {found} bleeds could be drawn into {len(tissues)} left-out studies, and {bleeds} are"
        " needed to measure with; add studies of whole heads"
    )


def phantom_heads(
    count: int,
    *,
    size_px: int,
    seed: Sequence[int],
    workers: int,
    progress: Progress = lambda *_: None,
) -> list[KnownHead]:
    """Slices of so many phantom heads, of the kind of a pool."""
    heads: list[KnownHead] = []
    with ProcessPoolExecutor(workers, initializer=use_one_core) as executor:
        make = partial(_phantom, size_px=size_px, seed=tuple(seed))
        for head in executor.map(make, range(count)):
            heads.append(head)
            progress(len(heads), count)
    return heads


def _drawn(index: int, tissue: Tissue, *, seed: tuple[int, ...]) -> KnownHead:
    drawn = drawn_head(tissue, np.random.default_rng([*seed, index]))
    return head_of_drawn(drawn, tissue, name=f"drawn-{seed[-1]}-{index}")


def _phantom(index: int, *, size_px: int, seed: tuple[int, ...]) -> KnownHead:
    rng = np.random.default_rng([*seed, index])
    pixel_mm = FIELD_MM / size_px
    slices = list(slices_of_head(rng, SLICES_PER_HEAD, size=size_px, pixel_mm=pixel_mm))
    return head_of_phantoms(slices, pixel_mm=pixel_mm, name=f"phantom-{index}")
