"""Bilinear resampling by matrices, beside the libraries'."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import resize

from ich_node.detection.bilinear import enlarging, resample, sampling


@pytest.mark.parametrize("seed", range(40))
def test_enlarging_is_what_skimage_gives(seed: int) -> None:
    """Any map on any finer grid: the same numbers up to the rounding of float32, the mirrored edges
    included.
    """
    rng = np.random.default_rng(seed)
    low_YX = (10 * rng.normal(size=rng.integers(1, 40, size=2))).astype(np.float32)
    rows, columns = (int(px * rng.uniform(1, 9)) for px in low_YX.shape)
    ours_YX = resample(
        low_YX, enlarging(low_YX.shape[0], rows), enlarging(low_YX.shape[1], columns)
    )
    theirs_YX = resize(low_YX, (rows, columns), order=1, preserve_range=True, anti_aliasing=False)
    assert ours_YX.dtype == np.float32
    assert np.abs(ours_YX - theirs_YX).max() < 1e-5


@pytest.mark.parametrize("seed", range(40))
def test_sampling_is_what_scipy_gives(seed: int) -> None:
    """Any pitch and offset: inside the same numbers, outside nothing."""
    rng = np.random.default_rng(seed)
    source_YX = rng.normal(size=(31, 40)).astype(np.float32)
    (row_step, column_step), (row, column) = rng.uniform(0.3, 3, size=2), rng.uniform(-9, 9, size=2)
    theirs_YX = ndimage.affine_transform(
        source_YX,
        (row_step, column_step),
        offset=(row, column),
        output_shape=(64, 50),
        order=1,
        mode="constant",
    )
    ours_YX = resample(
        source_YX, sampling(31, 64, row_step, row), sampling(40, 50, column_step, column)
    )
    assert np.abs(ours_YX - theirs_YX).max() < 1e-5


def test_a_plateau_stays_one_to_the_last_bit() -> None:
    """Peaks are found by equality: what is flat may not get ripples from rounding."""
    flat_YX = np.full((64, 64), np.float32(0.1))
    assert np.unique(resample(flat_YX, enlarging(64, 256), enlarging(64, 256))).size == 1
