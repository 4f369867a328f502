"""Bleeds and mimics drawn into a head without blood."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ich_node.phantom import make_study
from training.drawn import DRAWN_KINDS, Drawn, draw_bleed, drawn_head
from training.drawn.ground import Ground, ground_of
from training.tissue import Tissue

PIXEL_MM = 0.9
SLICE_MM = 5.0
KIND_OF = {kind: {"falx": "SDH", "tentorium": "SDH"}.get(kind, kind) for kind in DRAWN_KINDS}
FRESH_HU = 8.0  # the brightest quarter of fresh blood over grey matter, at the least


@pytest.fixture(scope="module")
def head() -> Tissue:
    """A phantom's head without bleeds, from the petrous bones to above the ventricles."""
    study = make_study(3, bleeds=[], rows=256, pixel_mm=PIXEL_MM, slice_mm=SLICE_MM)
    hu_SYX = np.stack([np.maximum(slice_.hu_YX, -1000) for slice_ in study.slices[5:18]])
    return Tissue(
        hu_SYX=hu_SYX.astype(np.float32),
        pixel_mm=PIXEL_MM,
        slice_mm=SLICE_MM,
        patient="phantom",
        name="phantom",
    )


@pytest.fixture(scope="module")
def slice_of_head(head: Tissue) -> Tissue:
    """One slice through the ventricles."""
    return replace(head, hu_SYX=head.hu_SYX[8:9])


@pytest.fixture(scope="module")
def drawn(head: Tissue) -> dict[str, Drawn]:
    """A bleed of every kind in the whole head."""
    found = {kind: draw_bleed(head, kind, np.random.default_rng(5)) for kind in DRAWN_KINDS}
    assert None not in found.values(), "the head has a place for every kind"
    return {kind: one for kind, one in found.items() if one is not None}


@pytest.fixture(scope="module")
def ground(head: Tissue) -> Ground:
    found = ground_of(head)
    assert found is not None
    return found


def _ball(radius_mm: float, hu: float) -> Tissue:
    """A made-up head: brain of one density in a round skull, without noise, fluid or falx."""
    y, x = np.mgrid[:256, :256] - 127.5
    away_YX = np.hypot(y, x) * PIXEL_MM
    hu_YX = np.select([away_YX < radius_mm, away_YX < radius_mm + 7], [hu, 900.0], -1000.0)
    return Tissue(
        hu_SYX=hu_YX[None].astype(np.float32),
        pixel_mm=PIXEL_MM,
        slice_mm=SLICE_MM,
        patient="made up",
        name="made up",
    )


@pytest.mark.parametrize("kind", DRAWN_KINDS)
def test_blood_lies_inside_the_skull_and_is_known(head, ground, drawn, kind):
    """The mask is where blood changed the brain; nothing outside the cavity changes at all."""
    one = drawn[kind]
    mask_SYX = one.mask_SYX > 0
    change_SYX = one.hu_SYX - head.hu_SYX
    assert not (mask_SYX & ~ground.cavity_SYX).any()
    assert not change_SYX[~ground.cavity_SYX].any()
    assert change_SYX[mask_SYX].all()
    assert (one.hu_SYX.dtype, one.mask_SYX.dtype) == (np.float32, np.uint8)


@pytest.mark.parametrize("kind", ["IPH", "IVH", "SAH", "EDH", "falx", "tentorium"])
def test_fresh_blood_is_denser_than_grey_matter(ground, drawn, kind):
    """Over the brain's median by what is stated, and never as dense as bone."""
    blood = drawn[kind].hu_SYX[drawn[kind].mask_SYX > 0]
    assert np.quantile(blood, 0.75) >= ground.brain_hu + FRESH_HU
    assert np.median(blood) < 85


@pytest.mark.parametrize("kind", DRAWN_KINDS)
def test_a_bleed_runs_through_neighbouring_slices(drawn, kind):
    """Without a gap, and largest within: the ends of what begins and ends are small. Boxes fit the
    mask in every slice.
    """
    one = drawn[kind]
    (bleed,) = one.bleeds
    assert bleed.kind == KIND_OF[kind]
    for index, row0, column0, row1, column1 in bleed.boxes:
        rows, columns = np.nonzero(one.mask_SYX[index])
        assert (rows.min(), columns.min()) == (row0, column0)
        assert (rows.max() + 1, columns.max() + 1) == (row1, column1)
    shown = [box[0] for box in bleed.boxes]
    assert sorted(set(np.flatnonzero(one.mask_SYX.any(axis=(1, 2))))) == shown
    if kind not in ("IPH", "SAH"):  # of parts
        assert shown == list(range(shown[0], shown[-1] + 1))
    area_S = np.count_nonzero(one.mask_SYX, axis=(1, 2))
    ends = [end for end in (shown[0], shown[-1]) if 0 < end < len(area_S) - 1]
    assert len(shown) < 3 or all(area_S[end] < area_S.max() for end in ends)


@pytest.mark.parametrize("kind", ["IPH", "EDH", "SDH"])
def test_small_bleeds_are_small(kind):
    """In a made-up head: thickness or diameter of 2 to 5 mm and what blur adds."""
    head = _ball(70, 33)
    for seed in range(4):
        one = draw_bleed(head, kind, np.random.default_rng(seed), size="small")
        if one is None:  # the seed's age would be thicker
            continue
        widest_mm = 2 * PIXEL_MM * ndimage.distance_transform_edt(one.mask_SYX[0]).max()
        assert 1.5 <= widest_mm <= 14 if kind == "IPH" else 1.5 <= widest_mm <= 9


def test_no_ventricle_no_blood_in_it():
    """A made-up brain without fluid: the answer is None, not a bleed somewhere."""
    assert draw_bleed(_ball(70, 33), "IVH", np.random.default_rng(0)) is None
    assert draw_bleed(_ball(70, 33), "falx", np.random.default_rng(0)) is not None


def test_a_collection_moves_the_brain_and_does_not_erase_it():
    """A mark 8 mm under the bone is found again under a thicker lens, that would have hidden it."""
    head = _ball(70, 33)
    y, x = np.mgrid[:256, :256] - 127.5
    ring_YX = np.abs(np.hypot(y, x) * PIXEL_MM - 62) < 1.4  # 8 mm under the table, all around
    head.hu_SYX[0][ring_YX] = 8
    for seed in range(9):
        one = draw_bleed(head, "EDH", np.random.default_rng(seed))
        mask_YX = one.mask_SYX[0] > 0
        depth_mm = 70 - np.hypot(y, x) * PIXEL_MM
        thickness_mm = depth_mm[mask_YX].max()
        if thickness_mm < 10:
            continue
        row, column = np.argwhere(mask_YX)[np.argmax(depth_mm[mask_YX])]
        inwards = np.linspace(1, 0.3, 200)
        line = ndimage.map_coordinates(
            one.hu_SYX[0],
            [127.5 + (row - 127.5) * inwards, 127.5 + (column - 127.5) * inwards],
            order=1,
        )
        assert line.min() < 22, "the ring is under the lens"
        return
    pytest.fail("no seed gave a thick lens")


def test_the_same_seed_gives_the_same_bits(slice_of_head):
    """And another seed another head."""
    first, again, other = (
        drawn_head(slice_of_head, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert first.hu_SYX.tobytes() == again.hu_SYX.tobytes()
    assert first.bleeds == again.bleeds
    assert first.hu_SYX.tobytes() != other.hu_SYX.tobytes()


@pytest.fixture(scope="module")
def heads(slice_of_head: Tissue) -> list[Drawn]:
    return [drawn_head(slice_of_head, np.random.default_rng(seed)) for seed in range(32)]


def test_about_half_of_the_slices_show_blood(heads):
    """Where none is drawn the mask is empty, where some is there are boxes; HU are in range."""
    for one in heads:
        assert one.mask_SYX.any() == bool(one.bleeds)
        assert one.hu_SYX.shape == one.mask_SYX.shape == (1, 256, 256)
        assert np.isfinite(one.hu_SYX).all()
        assert one.hu_SYX.min() >= -1024
        assert one.hu_SYX.max() <= 3071
    assert 8 <= sum(bool(one.bleeds) for one in heads) <= 24
    assert len({bleed.kind for one in heads for bleed in one.bleeds}) >= 4


def test_noise_says_nothing_about_blood(heads):
    """The finest detail of brain far from blood is as strong in slices with blood as without."""
    strength: dict[bool, list[float]] = {True: [], False: []}
    for one in heads:
        far_YX = ~ndimage.binary_dilation(one.mask_SYX[0] > 0, iterations=12)
        brain_YX = far_YX & (np.abs(one.hu_SYX[0] - 33) < 15)
        detail_YX = one.hu_SYX[0] - ndimage.gaussian_filter(one.hu_SYX[0], 1)
        strength[bool(one.bleeds)].append(float(np.median(np.abs(detail_YX[brain_YX]))))
    with_blood, without = (np.median(strength[key]) for key in (True, False))
    assert with_blood == pytest.approx(without, rel=0.35)


def test_a_neck_gets_no_blood(head):
    """Slices without brain in closed bone, and air: nothing is drawn, and nothing fails."""
    y, x = np.mgrid[:256, :256] - 127.5
    neck_YX = np.where(np.hypot(y, x) < 60, 50.0, -1000.0)
    neck_YX[np.hypot(y - 20, x) < 16] = 600  # a vertebra
    neck_YX[np.hypot(y - 20, x) < 8] = 30
    neck = replace(head, hu_SYX=neck_YX[None].astype(np.float32))
    air = replace(head, hu_SYX=np.full((2, 256, 256), -1000, dtype=np.float32))
    for tissue in (neck, air):
        one = drawn_head(tissue, np.random.default_rng(0))
        assert one.bleeds == ()
        assert not one.mask_SYX.any()
        assert all(
            draw_bleed(tissue, kind, np.random.default_rng(0)) is None for kind in DRAWN_KINDS
        )


def test_a_stack_is_drawn_as_one_head(head):
    """Some stacks of neighbouring slices show blood, in some or all of their slices; some none."""
    part = replace(head, hu_SYX=head.hu_SYX[5:9])
    heads = [drawn_head(part, np.random.default_rng(seed)) for seed in range(6)]
    positive = [one.mask_SYX.any(axis=(1, 2)) for one in heads]
    assert 0.1 < np.mean(positive) < 0.95
    assert any(shown.sum() > 1 for shown in positive)
