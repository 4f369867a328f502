"""The likelihood as data."""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.report import ReportOptions
from tests.support.report.report_examples import (
    head_slice,
    likelihood_of,
    make_source,
    negative_reading,
    of_kind,
    positive_reading,
    report,
)

WANTED = ReportOptions(parametric_map=True)


def maps(source, reading, options=WANTED):
    return of_kind(report(source, reading, options=options), "parametric_map")


@pytest.mark.parametrize("compression", ["rle", "none"])
def test_stored_values_map_to_the_likelihood_of_every_slice(compression):
    """16 bits, mapped to 0..1 within half a step; a frame for each slice, where the slice is."""
    source = make_source()
    reading = positive_reading(source)
    (dataset,) = maps(source, reading, replace(WANTED, compression=compression))
    (mapping,) = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    share_NYX = dataset.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    on_slice = likelihood_of(reading)
    expected = {
        slice_.image_position_mm: on_slice(map_, slice_)
        for map_, slice_ in zip(reading.maps, source.series.slices, strict=True)
    }
    places = [
        tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient))
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(places) == sorted(expected)
    for share_YX, place in zip(share_NYX, places, strict=True):
        np.testing.assert_allclose(share_YX, expected[place], atol=0.5e-4 + 1e-7)
    assert share_NYX.max() > 0.9
    assert dataset.ContentQualification == "RESEARCH"
    assert dataset.BitsAllocated == 16


def test_it_is_made_only_if_it_is_wanted_and_never_of_a_negative_reading():
    """By `[report] parametric_map`, which is off."""
    source = make_source()
    assert maps(source, positive_reading(source), ReportOptions()) == []
    assert maps(source, negative_reading(source)) == []


def test_without_a_frame_of_reference_there_is_none():
    """The standard has no place for it; the other objects are made."""
    source = make_source(frame=None)
    assert maps(source, positive_reading(source)) == []


def test_slices_of_several_matrices_have_none():
    """A multi-frame object has one."""
    source = make_source()
    first = head_slice(1, rows=256, columns=256)
    slices = (first, *source.series.slices[1:])
    source = replace(source, series=replace(source.series, slices=slices))
    assert maps(source, positive_reading(make_source())) == []
