"""Slice -> network input."""

import numpy as np
import pytest

from ich_node.detection.network_input import (
    BRAIN,
    HEAD,
    SUBDURAL,
    InputSpec,
    grid_of,
    to_network_input,
)
from ich_node.series.series import Slice


def slice_of(hu_YX: np.ndarray, spacing_mm: tuple[float, float] = (0.45, 0.45)) -> Slice:
    return Slice(
        sop_instance_uid="1.2",
        sop_class_uid="1.2",
        hu_YX=hu_YX,
        padding_YX=hu_YX < -1100,
        pixel_spacing_mm=spacing_mm,
        image_position_mm=(0, 0, 0),
        image_orientation=(1, 0, 0, 0, 1, 0),
        position_mm=0,
    )


def test_a_window_maps_its_bounds_to_0_and_4096_then_standardises():
    """§II-B with the constants of the published code: (value - 400) / 1000."""
    for hu, share in ((-500, 0.0), (0, 0.0), (40, 0.5), (80, 1.0), (900, 1.0)):
        image_CYX = to_network_input(
            slice_of(np.full((512, 512), hu, np.int16)), InputSpec(channels=(BRAIN,))
        ).image_CYX
        assert image_CYX[0, 100, 100] == pytest.approx((share * 4096 - 400) / 1000, abs=1e-3)


@pytest.mark.parametrize("shape", [(512, 512), (768, 768), (400, 512), (256, 256), (128, 300)])
@pytest.mark.parametrize("pixel_mm", [None, 0.9])
def test_every_matrix_gives_one_size_and_the_way_back(shape, pixel_mm):
    """A bright block's centre is found where the grid says, in pixels of the original."""
    hu_YX = np.full(shape, -1000, np.int16)
    row, column = round(shape[0] * 0.4), round(shape[1] * 0.6)
    hu_YX[row - 8 : row + 9, column - 8 : column + 9] = 300
    spacing_mm = (220 / shape[0], 220 / shape[1])
    given = to_network_input(
        slice_of(hu_YX, spacing_mm), InputSpec(channels=(HEAD,), pixel_mm=pixel_mm)
    )
    assert given.image_CYX.shape == (1, 256, 256)
    rows, columns = np.nonzero(given.image_CYX[0] > 1)
    found_row, found_column = given.grid.to_slice(rows.mean(), columns.mean())
    # the published reduction takes the nearest sample: up to one input pixel off
    assert abs(found_row - row) <= given.grid.row_scale
    assert abs(found_column - column) <= given.grid.column_scale


def test_the_grid_goes_there_and_back():
    grid = grid_of(slice_of(np.zeros((512, 400), np.int16), (0.5, 0.4)), InputSpec(pixel_mm=0.9))
    assert grid.to_input(*grid.to_slice(12.0, 200.0)) == pytest.approx((12.0, 200.0))


def test_one_head_has_one_scale_whatever_the_field_of_view():
    """With pixel_mm a head scanned at 0.45 and at 0.9 mm gives nearly the same input."""
    rows, columns = np.mgrid[:512, :512]
    inside = np.hypot(rows - 255.5, columns - 255.5) < 180
    fine = slice_of(np.where(inside, 40, -1000).astype(np.int16), (0.45, 0.45))
    coarse = slice_of(
        fine.hu_YX.reshape(256, 2, 256, 2).mean(axis=(1, 3)).round().astype(np.int16), (0.9, 0.9)
    )
    spec = InputSpec(channels=(HEAD, BRAIN, SUBDURAL), pixel_mm=0.9, padding="air")
    difference = to_network_input(fine, spec).image_CYX - to_network_input(coarse, spec).image_CYX
    assert np.abs(difference).max() < 0.01


@pytest.mark.parametrize("padding_hu", [-3024, -2048, -1100.5])
def test_padding_is_air_for_our_own_models(padding_hu):
    """The ring must not reach the network, even as a blurred edge."""
    rows, columns = np.mgrid[:512, :512]
    inside = np.hypot(rows - 255.5, columns - 255.5) < 250
    padded = slice_of(np.where(inside, 40, padding_hu).astype(np.float32))
    plain = slice_of(np.where(inside, 40, -1000).astype(np.float32))
    spec = InputSpec(channels=(None, BRAIN), pixel_mm=0.9, padding="air")
    assert np.array_equal(
        to_network_input(padded, spec).image_CYX, to_network_input(plain, spec).image_CYX
    )


def test_the_same_slice_gives_the_same_bits():
    hu_YX = np.random.default_rng(0).normal(30, 200, (512, 512)).astype(np.int16)
    for spec in (InputSpec(), InputSpec(pixel_mm=0.9, padding="air")):
        one, other = (to_network_input(slice_of(hu_YX.copy()), spec).image_CYX for _ in range(2))
        assert one.tobytes() == other.tobytes()
