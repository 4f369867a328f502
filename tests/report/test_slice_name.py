"""How a slice is called where a person reads about it."""

from dataclasses import replace

from ich_node.report.slice_name import slice_name, slice_place, slices_name
from ich_node.series.series import LeftOut
from tests.support.report.report_examples import head_slice


def test_a_slice_is_called_by_its_instance_number_and_place():
    """What a viewer shows, not its rank; without a number, the rank from the feet."""
    slice_ = replace(head_slice(3), instance_number=118, position_mm=-42.49)
    assert slice_name(slice_, 14) == "image 118"
    assert slice_place(slice_, 14) == "image 118 (-42.5 mm)"
    assert slice_name(replace(slice_, frame_number=7), 14) == "image 118 frame 7"
    assert slice_name(replace(slice_, instance_number=None), 14) == "slice 14"
    assert slice_place(replace(slice_, position_mm=-0.04)) == "image 118 (0.0 mm)"


def test_an_object_that_was_left_out_has_the_same_name():
    """Also if it has no number or no position."""
    left_out = LeftOut(sop_instance_uid="1.2", kind="localizer", reason="localizer")
    assert slice_place(left_out) == "image without number"
    assert slice_place(replace(left_out, instance_number=999)) == "image 999"


def test_several_slices_are_named_from_the_feet_up():
    """In a series that is numbered from the vertex the numbers fall."""
    slices = [replace(head_slice(1), instance_number=number) for number in (30, 29, 28)]
    assert slices_name(slices, [1, 2, 3]) == "images 30 to 28"
    assert slices_name(list(reversed(slices)), [3, 2, 1]) == "images 30 to 28"
    assert slices_name(slices[:1], [1]) == "image 30"
    assert slices_name([replace(slices[0], instance_number=None)], [4]) == "slice 4"
