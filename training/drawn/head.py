"""Draw bleeds and mimics into one tissue."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ich_node.phantom.bleeds import BleedKind
from training.drawn.collections import draw_extradural, draw_subdural
from training.drawn.falx import draw_falx
from training.drawn.ground import Crop, Ground, Mask, crop_of, ground_of
from training.drawn.intraparenchymal import draw_intraparenchymal
from training.drawn.intraventricular import draw_intraventricular
from training.drawn.mimics import anatomy, scanner
from training.drawn.noise import Field
from training.drawn.paint import Painted
from training.drawn.pose import posed
from training.drawn.subarachnoid import draw_subarachnoid
from training.drawn.tentorium import draw_tentorium
from training.tissue.tissue import Tissue

DrawnKind = Literal["IPH", "IVH", "SAH", "SDH", "EDH", "falx", "tentorium"]
Size = Literal["small", "any"]
DRAWN_KINDS: tuple[DrawnKind, ...] = get_args(DrawnKind)
DRAW: dict[DrawnKind, Callable[..., Painted | None]] = {
    "IPH": draw_intraparenchymal,
    "IVH": draw_intraventricular,
    "SAH": draw_subarachnoid,
    "SDH": draw_subdural,
    "EDH": draw_extradural,
    "falx": draw_falx,
    "tentorium": draw_tentorium,
}
SHARE: dict[DrawnKind, float] = {  # small and thin ones are the hard ones, so they are frequent
    "IPH": 0.27,
    "SDH": 0.20,
    "EDH": 0.17,
    "SAH": 0.18,
    "IVH": 0.07,
    "falx": 0.06,
    "tentorium": 0.05,
}
SMALL_SHARE = 0.4
BLEEDS = {1: 0.68, 2: 0.24, 3: 0.08}  # how many at once
TRIES = 4  # for a kind that the tissue has a place for
SPAN_MM = 25.0  # of a stack for which one round of bleeds is drawn
BLEEDING_SHARE = 0.5  # of the rounds
SMALL_SPAN_MM = 15.0  # for what is seen in one slice or two: calcifications, metal
HU_RANGE = (-1024.0, 3071.0)


@dataclass(frozen=True, kw_only=True)
class DrawnBleed:
    """boxes: index of the slice, first row and column, last row and column plus one."""

    kind: BleedKind
    boxes: tuple[tuple[int, int, int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A tissue with what was drawn into it. mask_SYX: 1 where there is blood."""

    hu_SYX: NDArray[np.float32]
    mask_SYX: NDArray[np.uint8]
    bleeds: tuple[DrawnBleed, ...]


def drawn_head(tissue: Tissue, rng: np.random.Generator) -> Drawn:
    """The tissue in another pose, with mimics, and with bleeds in about half of the brain slices.
    Blood changes nothing else: pose, mimics, blur and noise are drawn alike with and without it.
    """
    tissue = posed(tissue, rng)
    cut = _cut(tissue)
    if cut is None:
        return _nothing(tissue)
    crop, ground = cut
    ground = _with_anatomy(ground, rng)
    painted: list[Painted] = []
    for _ in range(_rounds(ground, SPAN_MM)):
        if rng.random() < BLEEDING_SHARE:
            for _ in range(int(rng.choice(list(BLEEDS), p=list(BLEEDS.values())))):
                one = _any_bleed(ground, rng)
                if one is not None:
                    ground = one.ground
                    painted.append(one)
    return _finished(tissue, crop, _scanned(ground, rng), painted)


def draw_bleed(
    tissue: Tissue, kind: DrawnKind, rng: np.random.Generator, *, size: Size = "any"
) -> Drawn | None:
    """One bleed in a tissue that is otherwise as it was; None if the tissue has no place for it."""
    cut = _cut(tissue)
    if cut is None:
        return None
    crop, ground = cut
    one = _one_bleed(ground, kind, rng, size=size)
    return None if one is None else _finished(tissue, crop, one.ground, [one])


def _cut(tissue: Tissue) -> tuple[Crop, Ground] | None:
    crop = crop_of(tissue.hu_SYX)
    if crop is None:
        return None
    ground = ground_of(replace(tissue, hu_SYX=tissue.hu_SYX[:, crop.rows, crop.columns]))
    return None if ground is None else (crop, ground)


def _any_bleed(ground: Ground, rng: np.random.Generator) -> Painted | None:
    size: Size = "small" if rng.random() < SMALL_SHARE else "any"
    for _ in range(TRIES):
        kind = DRAWN_KINDS[
            int(rng.choice(len(DRAWN_KINDS), p=[SHARE[name] for name in DRAWN_KINDS]))
        ]
        one = _one_bleed(ground, kind, rng, size=size)
        if one is not None:
            return one
    return None


def _one_bleed(
    ground: Ground, kind: DrawnKind, rng: np.random.Generator, *, size: Size
) -> Painted | None:
    """None too where all that was drawn lies between the slices, or is hidden by bone."""
    for _ in range(TRIES):
        one = DRAW[kind](ground, rng, size=size)
        if one is not None and one.is_seen(ground):
            return one
    return None


def _rounds(ground: Ground, span_mm: float) -> int:
    return max(1, round(len(ground.hu_SYX) * ground.spacing[0] / span_mm))


def _with_anatomy(ground: Ground, rng: np.random.Generator) -> Ground:
    if rng.random() < 0.3:
        ground = anatomy.draw_atrophy(ground, rng)
    if rng.random() < 0.06:
        ground = anatomy.draw_hygroma(ground, rng)
    for _ in range(_rounds(ground, SMALL_SPAN_MM)):
        if rng.random() < 0.45:
            ground = anatomy.draw_calcifications(ground, rng)
    if rng.random() < 0.35:
        ground = anatomy.draw_dense_vessels(ground, rng)
    return ground


def _scanned(ground: Ground, rng: np.random.Generator) -> Ground:
    if rng.random() < 0.55:
        ground = scanner.draw_cupping(ground, rng)
    if rng.random() < 0.3:
        ground = scanner.draw_partial_volume(ground, rng)
    if rng.random() < 0.25:
        ground = scanner.draw_streaks(ground, rng)
    for _ in range(_rounds(ground, SMALL_SPAN_MM)):
        if rng.random() < 0.06:
            ground = scanner.draw_metal(ground, rng)
    return scanner.draw_offset(scanner.draw_reconstruction(ground, rng), rng)


def _finished(tissue: Tissue, crop: Crop, ground: Ground, painted: list[Painted]) -> Drawn:
    place = np.s_[:, crop.rows, crop.columns]
    hu_SYX = tissue.hu_SYX.astype(np.float32, copy=True)
    hu_SYX[place] = np.clip(ground.hu_SYX, *HU_RANGE)
    mask_SYX = np.zeros(hu_SYX.shape, dtype=np.uint8)
    bleeds = []
    for one in painted:
        mask_SYX[place] |= one.mask_SYX.astype(np.uint8)
        bleeds.append(
            DrawnBleed(
                kind=one.kind,
                boxes=_boxes(one.mask_SYX, row0=crop.rows.start, column0=crop.columns.start),
            )
        )
    return Drawn(hu_SYX=hu_SYX, mask_SYX=mask_SYX, bleeds=tuple(bleeds))


def _boxes(
    mask_SYX: Mask, *, row0: int, column0: int
) -> tuple[tuple[int, int, int, int, int], ...]:
    """One around the bleed in each slice that shows it."""
    boxes = []
    for index, mask_YX in enumerate(mask_SYX):
        rows, columns = np.nonzero(mask_YX)
        if len(rows):
            boxes.append(
                (
                    index,
                    int(rows.min()) + row0,
                    int(columns.min()) + column0,
                    int(rows.max()) + row0 + 1,
                    int(columns.max()) + column0 + 1,
                )
            )
    return tuple(boxes)


def _nothing(tissue: Tissue) -> Drawn:
    hu_SYX: Field = tissue.hu_SYX.astype(np.float32, copy=True)
    return Drawn(hu_SYX=hu_SYX, mask_SYX=np.zeros(hu_SYX.shape, dtype=np.uint8), bleeds=())
