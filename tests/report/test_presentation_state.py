"""The marks over the original slices."""

from collections import Counter

import pytest

from ich_node.report import ReportOptions
from tests.support.report.report_examples import (
    finding,
    make_source,
    negative_reading,
    of_kind,
    positive_reading,
    read_by_hand,
    report,
)
from tests.support.report.sr_tree import groups, regions, tracking


def states(source, reading, **options):
    return of_kind(report(source, reading, options=ReportOptions(**options)), "presentation_state")


def test_one_state_holds_the_marks_of_all_positive_slices():
    """Every positive slice is shown in the brain window; each mark is a point and two lines that
    cross in it.
    """
    source = make_source()
    (state,) = states(source, positive_reading(source))
    uids = [slice_.sop_instance_uid for slice_ in source.series.slices[2:5]]
    (series,) = state.ReferencedSeriesSequence
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedImageSequence] == uids
    window = state.SoftcopyVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth, state.RescaleIntercept) == (40, 80, -1024)
    annotations = state.GraphicAnnotationSequence
    assert [len(item.get("GraphicObjectSequence", [])) for item in annotations] == [3, 6, 0]
    for annotation in annotations:
        graphics = annotation.get("GraphicObjectSequence", [])
        for point, *lines in zip(graphics[::3], graphics[1::3], graphics[2::3], strict=True):
            for line in lines:
                x0, y0, x1, y1 = line.GraphicData
                assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(
                    tuple(point.GraphicData), abs=0.01
                )
                assert abs(x1 - x0) * 0.45 == pytest.approx(8.0, abs=0.05)


def test_marks_bear_the_tracking_uids_of_the_report():
    """The points of each lesion are those of the SR, with its UID and name, in the same place."""
    source = make_source()
    results = report(source, positive_reading(source))
    (sr,), (state,) = of_kind(results, "sr"), of_kind(results, "presentation_state")
    uids = dict(tracking(group) for group in groups(sr))
    marks = [group for group in groups(sr) if regions(group)]
    lesions = [tracking(group)[0].partition(",")[0] for group in marks]
    said = Counter(
        (lesion, uids[lesion], *regions(group)[0].GraphicData)
        for lesion, group in zip(lesions, marks, strict=True)
    )
    drawn = Counter(
        (graphic.TrackingID, graphic.TrackingUID, *graphic.GraphicData)
        for annotation in state.GraphicAnnotationSequence
        for graphic in annotation.get("GraphicObjectSequence", [])
        if graphic.GraphicType == "POINT"
    )
    assert drawn == said


def test_research_use_is_said_on_every_slice_and_no_name_is():
    """In display coordinates, so that it does not move with the zoom."""
    source = make_source()
    (state,) = states(source, positive_reading(source))
    texts = [item.TextObjectSequence[0] for item in state.GraphicAnnotationSequence]
    assert texts[0].UnformattedTextValue == "AI: image 3, p 81 %. RESEARCH USE ONLY"
    assert {text.BoundingBoxAnnotationUnits for text in texts} == {"DISPLAY"}
    everything = str(state.GraphicAnnotationSequence)
    assert "Eva" not in everything
    assert "4711" not in everything


def test_non_square_pixels_are_shown_as_wide_as_they_are():
    """The displayed area gives the spacing; the arms of a cross are equally long in millimetres."""
    source = make_source(1, rows=256, columns=512, spacing=(0.9, 0.45))
    (state,) = states(source, read_by_hand(source, [0.9], {0: (finding(100, 200, 0.9),)}))
    (area,) = state.DisplayedAreaSelectionSequence
    assert list(area.PresentationPixelSpacing) == [0.9, 0.45]
    assert list(area.DisplayedAreaBottomRightHandCorner) == [512, 256]
    line = state.GraphicAnnotationSequence[0].GraphicObjectSequence[1]
    x0, y0, x1, y1 = line.GraphicData
    assert (x1 - x0) * 0.45 == pytest.approx((y1 - y0) * 0.9, abs=0.01)


def test_slices_of_different_rescale_get_states_of_their_own():
    """A state has one rescale for all its images."""
    source = make_source()
    source.datasets[3].RescaleIntercept = "-1000"
    found = states(source, positive_reading(source))
    assert [state.InstanceNumber for state in found] == [1, 2]
    assert [float(state.RescaleIntercept) for state in found] == [-1024, -1000]
    assert found[0].SeriesInstanceUID == found[1].SeriesInstanceUID
    assert found[0].SOPInstanceUID != found[1].SOPInstanceUID


def test_it_can_be_switched_off_and_a_negative_reading_has_none():
    """By `[report] gsps`."""
    source = make_source()
    assert states(source, positive_reading(source), gsps=False) == []
    assert states(source, negative_reading(source)) == []
