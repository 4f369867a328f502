"""Boxes as masks: blood where HU agree, else nobody knows; in the direction in which the network
sees the slice.
"""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.detection.upright import Turn
from ich_node.phantom import make_study
from training.cache import fill_cache
from training.cache_examples import examples_of_cache
from training.datasets import read_dataset
from training.datasets.labelled import Box
from training.errors import DataError
from training.examples import UNKNOWN
from training.pool import as_slice
from training.presets import PRODUCT
from training.weak_masks import turned_box, weak_mask

WHOLE = Box(kind="IPH", row0=0, column0=0, row1=256, column1=256)


def head(**places: tuple[slice, slice, float]) -> np.ndarray:
    """Brain of 31 HU, and other densities at their places; 0.9 mm pixels."""
    hu_YX = np.full((256, 256), 31.0, np.float32)
    for rows, columns, hu in places.values():
        hu_YX[rows, columns] = hu
    return hu_YX


def blood(hu_YX: np.ndarray, *boxes: Box, shift_hu: float = 0.0) -> np.ndarray:
    mask_YX = weak_mask(as_slice(hu_YX), boxes, shift_hu=shift_hu)
    assert set(np.unique(mask_YX)) <= {1, UNKNOWN}
    return mask_YX == 1


def test_fresh_blood_in_a_box_is_blood_and_the_rest_is_unknown():
    """To a pixel at its edge; the same outside of the box is unknown."""
    place = (slice(40, 60), slice(50, 70))
    hu_YX = head(clot=(*place, 65.0), other=(slice(90, 110), slice(50, 70), 65.0))
    found_YX = blood(hu_YX, Box(kind="IPH", row0=30, column0=40, row1=70, column1=80))
    truth_YX = np.zeros((256, 256), dtype=bool)
    truth_YX[place] = True
    assert found_YX[place].mean() > 0.95
    assert not (found_YX & ~truth_YX).sum() > 4 * 20
    assert not found_YX[90:110].any()


def test_brain_edema_and_calcium_in_a_box_are_unknown():
    """So are a speck of blood's density, and the ring around bone."""
    hu_YX = head(
        edema=(slice(10, 30), slice(10, 30), 20.0),
        calcium=(slice(10, 14), slice(60, 64), 120.0),
        speck=(slice(60, 62), slice(60, 64), 60.0),
        bone=(slice(100, 110), slice(0, 256), 900.0),
    )
    assert not blood(hu_YX, WHOLE).any()


def test_a_lens_along_the_bone_is_blood_but_for_its_edge():
    """The pixels within 1.5 mm of the bone have every density."""
    hu_YX = head(
        bone=(slice(100, 110), slice(0, 256), 900.0), lens=(slice(88, 100), slice(30, 90), 65.0)
    )
    found_YX = blood(hu_YX, WHOLE)
    assert found_YX[90:98, 32:88].all()
    assert not found_YX[99:].any()


def test_density_counts_after_the_shift_of_the_series():
    """On a scanner whose brain has 43 HU, 52 HU is cortex."""
    hu_YX = head(place=(slice(40, 60), slice(50, 70), 52.0))
    assert blood(hu_YX, WHOLE)[45:55, 55:65].all()
    assert not blood(hu_YX, WHOLE, shift_hu=-12.0).any()


@pytest.mark.parametrize("transposes", [False, True])
@pytest.mark.parametrize("flips_rows", [False, True])
@pytest.mark.parametrize("flips_columns", [False, True])
def test_a_box_turns_with_its_slice(transposes, flips_rows, flips_columns):
    """It holds the same pixels."""
    turn = Turn(transposes=transposes, flips_rows=flips_rows, flips_columns=flips_columns)
    image_YX = np.zeros((20, 30), np.uint8)
    image_YX[3:7, 11:25] = 1
    turned_YX = turn.apply(image_YX)
    box = turned_box(Box(kind="IPH", row0=3, column0=11, row1=7, column1=25), turn, turned_YX.shape)
    rows, columns = (slice(int(box.row0), int(box.row1)), slice(int(box.column0), int(box.column1)))
    assert turned_YX[rows, columns].all()
    assert turned_YX.sum() == turned_YX[rows, columns].size


def test_a_box_at_and_beyond_the_border_is_cut():
    """Readers draw over the edge; half a pixel is none."""
    hu_YX = head(place=(slice(0, 20), slice(0, 20), 65.0))
    over = Box(kind="EDH", row0=-5, column0=-3, row1=10.4, column1=200)
    found_YX = blood(hu_YX, over)
    assert found_YX[:10, :18].all()
    assert not found_YX[10:].any()
    outside = Box(kind="EDH", row0=-9, column0=-9, row1=-2, column1=-2)
    assert not blood(hu_YX, outside).any()


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    make_study(62, rows=128, slice_mm=10, bleeds=["IPH"]).write(folder)
    (series,) = read_dataset(folder, kind="phantom").series
    return series


def test_boxes_of_a_data_set_become_masks_when_asked(series, tmp_path):
    """Slices that bleed and have boxes have a mask, others their label; nothing in the cache
    changes.
    """
    fill_cache(tmp_path, [series], workers=0)
    plain, _ = examples_of_cache(tmp_path, [series], PRODUCT.input)
    boxed, _ = examples_of_cache(tmp_path, [series], PRODUCT.input, boxes_as_masks=True)
    assert (plain.has_masks, boxed.has_masks) == (False, True)
    assert plain.digest != boxed.digest
    assert all(plain.mask_of(index) is None for index in range(len(plain)))
    bleeding = np.flatnonzero(boxed.label_N)
    masks = [boxed.mask_of(index) for index in bleeding]
    assert all(mask is not None and (mask == UNKNOWN).any() for mask in masks)
    assert any((mask == 1).any() for mask in masks if mask is not None)
    clean = next(index for index in range(len(boxed)) if not boxed.label_N[index])
    assert not boxed.known_mask(clean, (2, 2)).any()


def test_a_cache_that_does_not_know_how_slices_lie_says_so(series, tmp_path):
    """An earlier version did not note it; the data set without boxes still opens."""
    fill_cache(tmp_path, [series], workers=0)
    index = tmp_path / "index.jsonl"
    index.write_text(index.read_text().replace('"turn"', '"ignored"'))
    examples_of_cache(tmp_path, [series], PRODUCT.input)
    bare = replace(series, slices=tuple(replace(one, boxes=()) for one in series.slices))
    examples_of_cache(tmp_path, [bare], PRODUCT.input, boxes_as_masks=True)
    with pytest.raises(DataError, match="another --cache, or --no-boxes-as-masks"):
        examples_of_cache(tmp_path, [series], PRODUCT.input, boxes_as_masks=True)
