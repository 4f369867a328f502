"""The same masks as SciPy makes, to the last pixel."""

import numpy as np
import pytest
from scipy import ndimage

from ich_node.series.morphology import closed, dilated, eroded, holes, largest
from tests.support.heads import head_hu


def masks() -> list[np.ndarray]:
    """Noise of every density in every shape, and a skull."""
    rng = np.random.default_rng(1)
    noise = [
        rng.random(shape) < share
        for shape in ((64, 80), (5, 9), (1, 7), (7, 1), (128, 3))
        for share in (0, 0.02, 0.3, 0.6, 0.95, 1)
    ]
    return [*noise, head_hu() > 150, ndimage.binary_opening(rng.random((120, 120)) < 0.7)]


@pytest.mark.parametrize("times", [1, 3, 4])
def test_dilation_erosion_and_closing_are_scipys(times):
    """Borders included."""
    for mask_YX in masks():
        assert np.array_equal(
            dilated(mask_YX, times), ndimage.binary_dilation(mask_YX, iterations=times)
        )
        assert np.array_equal(
            eroded(mask_YX, times), ndimage.binary_erosion(mask_YX, iterations=times)
        )
        assert np.array_equal(
            closed(mask_YX, times), ndimage.binary_closing(mask_YX, iterations=times)
        )


def test_a_mask_with_its_holes_is_scipys_filling():
    for mask_YX in masks():
        assert np.array_equal(mask_YX | holes(mask_YX), ndimage.binary_fill_holes(mask_YX))


def test_the_largest_part_is_one_part():
    """Of a small and a large square: the large one; of nothing: nothing."""
    mask_YX = np.zeros((20, 20), dtype=bool)
    assert largest(mask_YX) is None
    mask_YX[1:3, 1:3] = mask_YX[8:14, 8:14] = True
    assert np.array_equal(np.argwhere(largest(mask_YX))[[0, -1]], [[8, 8], [13, 13]])
