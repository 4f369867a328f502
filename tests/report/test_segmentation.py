"""The regions of the lesions as DICOM Segmentation, read back by highdicom."""

from dataclasses import replace
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest

from ich_node.report import ReportOptions, lesions_of
from ich_node.report.context import to_context
from tests.support.report.golden import golden
from tests.support.report.report_examples import (
    ALGORITHM,
    AT,
    make_source,
    of_kind,
    positive_reading,
    report,
)

WANTED = ReportOptions(segmentation=True)


def source_of(name: str):
    study = golden(name)
    return study, replace(make_source(), series=study.series, datasets=study.datasets)


@pytest.mark.parametrize("name", ["positive", "tilted", "thin"])
def test_each_lesion_is_a_segment_in_the_pixels_of_the_source(name):
    """Its regions on each slice, its number, and the tracking UID of all other objects."""
    study, source = source_of(name)
    (result,) = [each for each in study.results if each.kind == "segmentation"]
    seg = hd.seg.segread(BytesIO(result.encode()))
    lesions = lesions_of(study.series, study.reading)
    assert seg.number_of_segments == len(lesions)
    context = to_context(source, reading=study.reading, algorithm=ALGORITHM, options=WANTED, at=AT)
    for segment, lesion in enumerate(lesions, start=1):
        said = seg.get_segment_description(segment)
        assert said.segment_label == f"Lesion {lesion.number}"
        assert said.tracking_uid == context.tracking_uid(lesion)
        by_slice = {region.slice.sop_instance_uid: [] for region in lesion.regions}
        for region in lesion.regions:
            by_slice[region.slice.sop_instance_uid].append(region.mask_YX())
        masks_NYX = seg.get_pixels_by_source_instance(
            list(by_slice), segment_numbers=[segment], assert_missing_frames_are_empty=True
        )[..., 0]
        for mask_YX, parts in zip(masks_NYX, by_slice.values(), strict=True):
            np.testing.assert_array_equal(mask_YX, np.any(parts, axis=0))
            assert mask_YX.any()
    assert seg.SeriesNumber == 9007
    assert seg.SegmentationType == "BINARY"


def test_it_is_made_only_if_it_is_wanted_and_only_of_regions():
    """By `[report] segmentation`, which is off; a peak without a region has none."""
    study, source = source_of("positive")
    assert of_kind(report(source, study.reading), "segmentation") == []
    assert len(of_kind(report(source, study.reading, options=WANTED), "segmentation")) == 1
    points = make_source()
    assert of_kind(report(points, positive_reading(points), options=WANTED), "segmentation") == []


def test_a_second_build_gives_the_same_bytes():
    study, source = source_of("positive")
    one, other = (
        [
            each.encode()
            for each in report(source, study.reading, options=WANTED)
            if each.kind == "segmentation"
        ]
        for _ in range(2)
    )
    assert one == other
    assert one


def test_without_a_frame_of_reference_there_is_none():
    """The standard has no place for it; the other objects are made."""
    assert of_kind(golden("no frame of reference").results, "segmentation") == []
