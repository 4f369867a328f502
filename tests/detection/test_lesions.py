"""One bleed through several slices is one lesion; two bleeds are two."""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.detection.lesions import find_lesions, to_patient
from ich_node.detection.reading import Finding
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


@pytest.mark.parametrize("tilted", [False, True])
def test_marks_of_neighbouring_slices_are_one_lesion(tilted):
    """Four slices, the mark wandering by 4 mm from one to the next: one lesion of 20 mm whose peak
    is the most certain.
    """
    slices = stack(8, tilted=tilted)
    found = {index: [mark(100 + 8 * index, 90, 0.6 + 0.1 * (index == 4))] for index in (2, 3, 4, 5)}
    (lesion,) = lesions(slices, found)
    assert lesion.slice_indices == (2, 3, 4, 5)
    assert (lesion.peak.slice_index, lesion.certainty) == (4, pytest.approx(0.7))
    assert [item.slice_index for item in lesion.marks] == [4, 2, 3, 5]
    assert lesion.extent_mm == pytest.approx(20.0)


def test_marks_far_apart_in_the_plane_are_two():
    """21 mm between neighbours is too far; the more certain one is number 1."""
    found = {1: [mark(60, 60, 0.5)], 2: [mark(60, 102, 0.8)]}
    first, second = lesions(stack(5), found)
    assert [(lesion.number, lesion.certainty) for lesion in (first, second)] == [(1, 0.8), (2, 0.5)]


def test_marks_of_one_slice_are_linked_by_their_neighbours_alone():
    """Two marks side by side are two lesions, and one if a mark in the next slice lies close to
    both.
    """
    side_by_side = {2: [mark(60, 60), mark(60, 76)]}
    assert len(lesions(stack(5), side_by_side)) == 2
    assert len(lesions(stack(5), {**side_by_side, 3: [mark(60, 68)]})) == 1


@pytest.mark.parametrize(("step_mm", "expected"), [(5.0, 1), (10.0, 2)])
def test_one_slice_without_a_mark_ends_a_lesion_only_if_it_is_thick(step_mm, expected):
    """A gap of 10 mm is bridged, one of 20 mm is not."""
    assert (
        len(lesions(stack(6, step_mm=step_mm), {1: [mark(60, 60)], 3: [mark(60, 60)]})) == expected
    )


def test_thick_slices_that_touch_are_neighbours():
    """12 mm from slice to slice: the next slice is a neighbour all the same."""
    assert len(lesions(stack(6, step_mm=12.0), {1: [mark(60, 60)], 2: [mark(60, 60)]})) == 1


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
