"""Reductions of a matrix to the network's size."""

import numpy as np
import pytest
from skimage.transform import resize

from ich_node.detection.reduction import area_weights, whole_matrix


@pytest.mark.parametrize(
    "shape", [(512, 512), (768, 768), (400, 512), (256, 256), (128, 300), (1024, 1024), (511, 513), (640, 640), (2, 300), (1, 1)]
)
def test_the_published_reduction_is_scikit_images_to_the_last_bit(shape):
    """With anti-aliasing, as the published code called it."""
    rng = np.random.default_rng(1)
    for hu_YX in (rng.normal(30, 300, shape), np.where(rng.random(shape) < 0.5, -3024, 47), np.full(shape, 37)):
        hu_YX = hu_YX.astype(np.float32)
        theirs_YX = resize(hu_YX, (256, 256), order=0, anti_aliasing=True, preserve_range=True)
        assert np.array_equal(whole_matrix(hu_YX, 256), theirs_YX)


def test_weights_sum_to_one_inside_and_to_less_across_the_border():
    """What lies outside the matrix counts as nothing above air."""
    sums = area_weights(512, 2.5, -64.0, 256).sum(axis=1)
    assert sums[100:200] == pytest.approx(1)
    assert sums[0] == 0
