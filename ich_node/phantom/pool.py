"""Slices of random heads at random levels, for training."""

from collections.abc import Iterator, Sequence

import numpy as np

from ich_node.phantom.bleeds import BLEED_KINDS, Lesion
from ich_node.phantom.canvas import PhantomSlice, make_canvas
from ich_node.phantom.draw import draw_bleed, draw_hygroma, draw_operated
from ich_node.phantom.frame import Pose
from ich_node.phantom.head import Head, draw_head
from ich_node.phantom.physics import draw_scanner

NECK_SHARE = 0.13
LOWEST_MM = -48.0


def slices_of_head(
    rng: np.random.Generator, count: int, *, size: int = 256, pixel_mm: float = 0.9
) -> Iterator[PhantomSlice]:
    """Slices of one random head; about half of them show blood, different blood in each."""
    head = draw_head(rng)
    pose = Pose(
        rotation_deg=float(np.clip(rng.normal(0, 7), -20, 20)),
        tilt_deg=rng.uniform(-18, 18),
        lean_deg=rng.normal(0, 3.5),
        offset_mm=(rng.normal(4, 7), rng.normal(0, 5)),
    )
    scanner = draw_scanner(rng, half_field_mm=size * pixel_mm / 2)
    canvas = make_canvas(
        head,
        scanner=scanner,
        pose=pose,
        size=size,
        pixel_mm=pixel_mm,
        slice_mm=rng.uniform(2, 6),
    )
    for _ in range(count):
        lesions = _draw_lesions(rng, head)
        yield canvas.slice_at(_draw_level(rng, head, lesions), lesions, rng)


def _draw_lesions(rng: np.random.Generator, head: Head) -> list[Lesion]:
    lesions: list[Lesion] = []
    if rng.random() < 0.10:
        lesions.append(draw_hygroma(rng, head))
    if head.craniotomy is not None:
        lesions.append(draw_operated(rng, head))
    if rng.random() < 0.53:
        count = int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))
        lesions += [
            draw_bleed(kind, rng=rng, head=head) for kind in rng.permutation(BLEED_KINDS)[:count]
        ]
    return lesions


def _draw_level(rng: np.random.Generator, head: Head, lesions: Sequence[Lesion]) -> float:
    """Through one of the bleeds if there are any, else anywhere between neck and vertex."""
    bleeds = [lesion for lesion in lesions if lesion.kind is not None]
    if bleeds:
        low, high = bleeds[int(rng.integers(len(bleeds)))].levels_mm
        middle, half = (low + high) / 2, (high - low) / 2
        return float(np.clip(middle + 0.85 * half * rng.uniform(-1, 1), 4.0, head.skull.top - 8))
    if rng.random() < 2 * NECK_SHARE:
        return float(rng.uniform(LOWEST_MM, 4.0))
    return float(rng.uniform(4.0, head.skull.top + 2))
