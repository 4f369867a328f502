"""Objects of one series that share a SOP Instance UID."""

import numpy as np
import pytest

from ich_node import errors
from ich_node.series.read import read_series
from tests.support.heads import head_hu, head_series, head_slice
from tests.support.refusals import refusal


@pytest.mark.parametrize(
    "attributes",
    [
        {"PixelData": (np.flipud(head_hu()) + 1025).astype("<i2").tobytes()},
        {"ImagePositionPatient": [-100.0, -100.0, 300.0]},
    ],
    ids=["pixels", "position"],
)
def test_different_images_under_one_uid_are_refused(attributes):
    found = refusal([*head_series(), head_slice(5, **attributes)])
    assert isinstance(found, errors.SharedUid)
    assert head_slice(5).SOPInstanceUID in found.detail


def test_of_a_corrected_header_alone_the_newest_is_read():
    series = read_series([*head_series(), head_slice(5, InstanceNumber=99)])
    assert len(series.slices) == 12
    assert series.slices[5].instance_number == 99
