"""One connected region through neighbouring slices is one lesion; two are two."""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.detection.lesions import find_lesions, to_patient
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import Finding, LikelihoodMap
from ich_node.series.series import Slice

TILT = np.deg2rad(18)


def stack(count: int, *, step_mm: float = 5.0, tilted: bool = False) -> list[Slice]:
    """Slices of 0.5 mm pixels; tilted: sheared along y, as a gantry tilt does."""
    slope, drop = (np.cos(TILT), -np.sin(TILT)) if tilted else (1.0, 0.0)
    normal = np.cross([1, 0, 0], [0, slope, drop])
    slices = []
    for index in range(count):
        position_mm = (
            np.array([-60.0, -60.0, 0.0]) + np.array([0, 0, 1.0]) * index * step_mm / normal[2]
        )
        slices.append(
            Slice(
                sop_instance_uid=f"1.2.{index + 1}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                hu_YX=np.zeros((256, 256), np.int16),
                padding_YX=np.zeros((256, 256), bool),
                pixel_spacing_mm=(0.5, 0.5),
                image_position_mm=tuple(position_mm.tolist()),
                image_orientation=(1.0, 0.0, 0.0, 0.0, float(slope), float(drop)),
                position_mm=float(position_mm @ normal),
            )
        )
    return slices


def mark(row: float, column: float, probability: float = 0.9) -> Finding:
    return Finding(row=row, column=column, likelihood=probability, probability=probability)


def lesions(slices: list[Slice], found: dict[int, list[Finding]]):
    return find_lesions(slices, [found.get(index, []) for index in range(len(slices))])


def region_map(slice_: Slice, *boxes: tuple[int, int, int, int]) -> LikelihoodMap:
    """A map whose regions are these boxes: first and last row, first and last column, in pixels of
    the slice, which are those of the input.
    """
    likelihood_YX = np.zeros((256, 256), np.float32)
    for top, bottom, left, right in boxes:
        likelihood_YX[top : bottom + 1, left : right + 1] = 1
    return LikelihoodMap(
        sop_instance_uid=slice_.sop_instance_uid,
        logit=0.0,
        likelihood_YX=likelihood_YX,
        grid=PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0),
        region_from=0.5,
    )


def read(
    slices: list[Slice],
    found: dict[int, list[Finding]],
    boxes: dict[int, list[tuple[int, int, int, int]]],
):
    return find_lesions(
        slices,
        [found.get(index, []) for index in range(len(slices))],
        [region_map(slice_, *boxes.get(index, [])) for index, slice_ in enumerate(slices)],
    )


@pytest.mark.parametrize("tilted", [False, True])
def test_a_region_through_neighbouring_slices_is_one_lesion(tilted):
    """Four slices, the region moving by 4 mm from one to the next, also along a tilted gantry: one
    lesion of 20 mm whose peak is the most certain.
    """
    slices = stack(8, tilted=tilted)
    found = {index: [mark(100 + 8 * index, 90, 0.6 + 0.1 * (index == 4))] for index in (2, 3, 4, 5)}
    boxes = {index: [(98 + 8 * index, 104 + 8 * index, 80, 100)] for index in found}
    (lesion,) = read(slices, found, boxes)
    assert lesion.slice_indices == (2, 3, 4, 5)
    assert (lesion.peak.slice_index, lesion.certainty) == (4, pytest.approx(0.7))
    assert [item.slice_index for item in lesion.marks] == [4, 2, 3, 5]
    assert lesion.extent_mm == pytest.approx(20.0)
    assert lesion.size_mm3 == pytest.approx(4 * 7 * 21 * 0.25 * 5)


def test_peaks_in_one_region_of_a_slice_are_one_mark():
    """The highest."""
    (lesion,) = read(
        stack(5), {2: [mark(60, 60, 0.7), mark(60, 160, 0.9)]}, {2: [(50, 70, 50, 170)]}
    )
    assert [(item.finding.column, item.finding.probability) for item in lesion.marks] == [
        (160, 0.9)
    ]


def test_two_regions_of_a_slice_are_two_lesions():
    """However near to each other: only other slices can join them."""
    boxes = [(50, 70, 50, 60), (50, 70, 63, 80)]
    marks = [mark(60, 55), mark(60, 70, 0.8)]
    first, second = read(stack(5), {2: marks}, {2: boxes})
    assert (first.certainty, second.certainty) == (0.9, 0.8)
    (joined,) = read(stack(5), {2: marks}, {2: boxes, 3: [(50, 70, 50, 80)]})
    assert joined.slice_indices == (2,)  # slice 3 has no mark; its region joins all the same
    assert len(joined.marks) == 1


def test_both_sides_of_the_head_stay_apart():
    """Two long regions through all slices."""
    boxes = {index: [(40, 200, 40, 60), (40, 200, 190, 210)] for index in range(6)}
    found = {index: [mark(100, 50), mark(100, 200, 0.8)] for index in range(6)}
    assert [len(lesion.marks) for lesion in read(stack(6), found, boxes)] == [6, 6]


@pytest.mark.parametrize(("gap_px", "expected"), [(10, 1), (11, 2)])
def test_regions_of_neighbours_touch_within_5_mm_of_the_plane(gap_px, expected):
    """Pixels of 0.5 mm, between the centres of the nearest ones."""
    boxes = {1: [(50, 70, 50, 60)], 2: [(50, 70, 60 + gap_px, 90)]}
    found = {1: [mark(60, 55)], 2: [mark(60, 80)]}
    assert len(read(stack(5), found, boxes)) == expected


@pytest.mark.parametrize(("step_mm", "expected"), [(5.0, 1), (10.0, 2)])
def test_one_slice_without_a_region_ends_a_lesion_only_if_it_is_thick(step_mm, expected):
    """A gap of 10 mm is bridged, one of 20 mm is not."""
    boxes = {1: [(50, 70, 50, 70)], 3: [(50, 70, 50, 70)]}
    found = {1: [mark(60, 60)], 3: [mark(60, 60)]}
    assert len(read(stack(6, step_mm=step_mm), found, boxes)) == expected


def test_thick_slices_that_touch_are_neighbours():
    """12 mm from slice to slice: the next slice is a neighbour all the same."""
    boxes = {1: [(50, 70, 50, 70)], 2: [(50, 70, 50, 70)]}
    assert len(read(stack(6, step_mm=12.0), {1: [mark(60, 60)], 2: [mark(60, 60)]}, boxes)) == 1


def test_a_hole_ends_a_lesion():
    """The slices on either side of missing ones are no neighbours."""
    slices = stack(10)
    slices = slices[:3] + slices[7:]
    boxes = {2: [(50, 70, 50, 70)], 3: [(50, 70, 50, 70)]}
    assert len(read(slices, {2: [mark(60, 60)], 3: [mark(60, 60)]}, boxes)) == 2


def test_lesions_end_with_their_stack():
    """The same place in two acquisitions: one lesion in each."""
    slices = stack(3) + [
        replace(slice_, sop_instance_uid=f"{slice_.sop_instance_uid}.9", stack=1)
        for slice_ in stack(3)
    ]
    boxes = {index: [(50, 70, 50, 70)] for index in range(6)}
    found = {index: [mark(60, 60)] for index in range(6)}
    first, second = read(slices, found, boxes)
    assert (first.slice_indices, second.slice_indices) == ((0, 1, 2), (3, 4, 5))
    assert first.extent_mm == second.extent_mm == pytest.approx(15)


def test_of_equally_certain_lesions_the_largest_is_first():
    """As certain as people see it, in whole percent."""
    boxes = {2: [(50, 60, 50, 60), (150, 190, 150, 190)]}
    small, large = mark(55, 55, 0.912), mark(170, 170, 0.908)
    first, second = read(stack(5), {2: [small, large]}, boxes)
    assert (first.peak.finding, second.peak.finding) == (large, small)


def test_a_peak_outside_of_all_regions_is_a_region_of_its_own():
    """Also where there are no maps."""
    for boxes in ({}, {2: [(150, 190, 150, 190)]}):
        (lesion,) = read(stack(5), {2: [mark(55, 55)]}, boxes)
        assert (lesion.slice_indices, lesion.size_mm3) == ((2,), 0)
    assert len(lesions(stack(5), {2: [mark(55, 55)], 3: [mark(58, 55)], 4: [mark(90, 55)]})) == 2


def test_a_region_in_pixels_of_the_slice():
    """The mask is where the region is, also if the slice is finer than the map."""
    slice_ = stack(1)[0]
    likelihood_YX = np.zeros((32, 32), np.float32)
    likelihood_YX[8:12, 20:24] = 1
    coarse = LikelihoodMap(
        sop_instance_uid=slice_.sop_instance_uid,
        logit=0.0,
        likelihood_YX=likelihood_YX,
        grid=PixelGrid(row_scale=2, row_offset=0.5, column_scale=2, column_offset=0.5),
        size_px=128,
        region_from=0.5,
    )
    (lesion,) = find_lesions([slice_], [[mark(79.5, 175.5)]], [coarse])
    (region,) = lesion.regions
    rows, columns = np.nonzero(region.mask_YX())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (64, 95, 160, 191)
    assert region.area_mm2 == pytest.approx(region.mask_YX().sum() * 0.25)


def test_the_order_of_the_marks_in_a_slice_does_not_matter():
    """The same lesions, in the same order, for marks given the other way round."""
    marks = [mark(60, 60, 0.5), mark(160, 60, 0.5), mark(60, 160, 0.9)]
    one, other = (lesions(stack(3), {1: list(order)}) for order in (marks, marks[::-1]))
    assert [lesion.peak.patient_mm for lesion in one] == [
        lesion.peak.patient_mm for lesion in other
    ]
    assert [lesion.number for lesion in one] == [1, 2, 3]


def test_nothing_marked_is_no_lesion():
    """Also for a series of one slice."""
    assert lesions(stack(1), {}) == ()
    (lesion,) = lesions(stack(1), {0: [mark(1, 1)]})
    assert lesion.extent_mm == 0


def test_patient_coordinates_follow_the_tilt():
    """The first pixel lies at ImagePositionPatient; rows run along the second half of
    ImageOrientationPatient.
    """
    slice_ = stack(2, tilted=True)[1]
    assert to_patient(slice_, 0, 0) == pytest.approx(slice_.image_position_mm)
    down = np.subtract(to_patient(slice_, 10, 0), slice_.image_position_mm)
    np.testing.assert_allclose(down, 5 * np.array([0, np.cos(TILT), -np.sin(TILT)]), atol=1e-9)
    wide = replace(slice_, pixel_spacing_mm=(0.5, 2.0))
    np.testing.assert_allclose(
        np.subtract(to_patient(wide, 0, 3), slice_.image_position_mm), [6, 0, 0]
    )
