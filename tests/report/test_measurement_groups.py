"""The measurement groups: certainty, coordinates, tracking, lesions."""

from dataclasses import replace

import highdicom as hd
import pytest
from pydicom import Dataset

from tests.support.report.report_examples import (
    ALGORITHM,
    finding,
    make_source,
    read_by_hand,
    sr_of,
)
from tests.support.report.sr_tree import (
    certainty,
    faults,
    groups,
    items,
    name,
    regions,
    texts,
    tracking,
    trackings,
    walk,
)


def test_positive_reading(positive):
    """One group of the series, one a positive slice, one POINT a mark: certainty in percent, of a
    peak also the height in mm.
    """
    document = positive[0].dataset
    assert len(groups(document)) == 1 + 3 + 3
    assert [group for group in groups(document) if regions(group)] == groups(document)[4:]
    numbers = [
        item.MeasuredValueSequence[0].NumericValue
        for group in groups(document)
        for item in items(group)
        if item.ValueType == "NUM"
    ]
    assert [float(value) for value in numbers] == [
        97.4,
        81.0,
        97.4,
        90.0,
        97.0,
        10.0,
        97.0,
        55.0,
        5.0,
    ]
    assert (document.CompletionFlag, document.PreliminaryFlag, document.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )


def test_a_point_is_the_centre_of_its_pixel():
    """Index (row 10, column 20) is written 20.5\\10.5: DICOM counts from the corner of the first
    pixel.
    """
    source = make_source(1)
    reading = read_by_hand(source, [0.9], {0: (finding(10, 20, 0.9),)})
    document = sr_of(source, reading)
    assert list(
        regions(next(group for group in groups(document) if regions(group)))[0].GraphicData
    ) == [20.5, 10.5]


def test_every_group_of_an_answer_has_coordinates(positive, negative):
    """A viewer in use opens no document with a group that has none: what is said of slices is
    inferred from whole pictures.
    """
    for results in (positive, negative):
        for group in groups(results[0].dataset):
            assert [item for item in walk(group) if item.ValueType == "SCOORD"]


def inferred_from(group: Dataset) -> str:
    """The instance whose whole picture the certainty was inferred from."""
    (picture,) = [item for item in walk(group) if item.get("RelationshipType") == "INFERRED FROM"]
    return str(picture.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def test_a_certainty_names_the_picture_that_it_comes_from():
    """That of the series is its likeliest slice, also in a negative reading; that of a slice is
    itself.
    """
    source = make_source(4)
    uids = [slice_.sop_instance_uid for slice_ in source.series.slices]
    negative = sr_of(source, read_by_hand(source, [0.1, 0.2, 0.4, 0.3], {}))
    assert [inferred_from(group) for group in groups(negative)] == [uids[2]]
    marked = {1: (finding(100, 100, 0.9),)}
    positive = sr_of(source, read_by_hand(source, [0.8, 1.0, 1.0, 0.1], marked))
    assert [inferred_from(group) for group in groups(positive)[:4]] == [
        uids[1],
        uids[0],
        uids[1],
        uids[2],
    ]


def test_a_positive_reading_without_any_mark_is_written():
    """Slices over the threshold and no peak: Present, without a point."""
    source = make_source(3)
    document = sr_of(source, read_by_hand(source, [0.1, 0.9, 0.2], {}))
    assert faults(document, source.series) == []
    assert not [item for item in walk(document) if item.get("GraphicType") == "POINT"]


def test_values_are_rounded():
    """No float noise: a NUM has one decimal and no second, binary representation."""
    source = make_source(1)
    document = sr_of(source, read_by_hand(source, [0.812345678], {}))
    measured = next(
        item for item in walk(document) if name(item) == ("111012", "DCM")
    ).MeasuredValueSequence[0]
    assert str(measured.NumericValue) == "81.2"


@pytest.mark.parametrize(
    ("probability", "percent"), [(0.99999, 99.9), (0.00001, 0.1), (0.5, 50.0), (1.0, 100.0)]
)
def test_what_is_not_certain_is_not_called_so(probability, percent):
    """Rounding makes no certainty of 99.999 %."""
    document = sr_of(make_source(1), read_by_hand(make_source(1), [probability], {}))
    measured = next(
        item for item in walk(document) if name(item) == ("111012", "DCM")
    ).MeasuredValueSequence[0]
    assert float(measured.NumericValue) == percent


def test_lesions_come_by_certainty_with_all_their_marks():
    """A bleed through three slices and a surer one elsewhere: two lesions, the surer is number 1,
    each mark its own point.
    """
    source = make_source(6)
    through = {index: (finding(100, 120, 0.6 + 0.1 * (index == 2)),) for index in (1, 2)}
    reading = read_by_hand(
        source, [0.8] * 6, {**through, 3: (finding(104, 122, 0.65), finding(300, 320, 0.95))}
    )
    document = sr_of(source, reading)
    assert faults(document, source.series) == []
    planar_groups = [group for group in groups(document) if regions(group)]
    assert [tracking(group)[0] for group in planar_groups] == [
        "lesion 1",
        "lesion 2",
        "lesion 2",
        "lesion 2",
    ]
    assert [certainty(group) for group in planar_groups] == [95.0, 70.0, 60.0, 65.0]
    sentences = [text for text in texts(document) if text.startswith("Lesion")]
    assert sentences == [
        "Lesion 1: certainty 95.0 %, slice 4 of 6, 5.0 mm high; peak on slice 4 at column 320.5,"
        " row 300.5 "
        "(x 29.0, y 20.0, z 20.0 mm).",
        "Lesion 2: certainty 70.0 %, slices 2 to 4 of 6, 15.0 mm high; peak on slice 3 at column"
        " 120.5, row 100.5 "
        "(x -61.0, y -70.0, z 15.0 mm).",
    ]


def test_a_lesion_keeps_its_tracking_uid_in_the_next_revision():
    """Late slices shift the numbers of slices, another bundle the peak by a pixel: it is the same
    lesion, and the same series.
    """
    first, later = make_source(4), make_source(6)
    reading = read_by_hand(
        first, [0.1, 0.9, 0.9, 0.1], {1: (finding(90, 90, 0.9),), 2: (finding(300, 300, 0.8),)}
    )
    again = read_by_hand(
        later,
        [0.1, 0.9, 0.9, 0.9, 0.1, 0.1],
        {1: (finding(91, 90, 0.7),), 2: (finding(300, 300, 0.8),)},
    )
    other = replace(ALGORITHM, bundle_sha256="01" * 32)
    documents = [
        sr_of(first, reading),
        sr_of(replace(later, revision=2, digest="ef" * 32), again, algorithm=other),
    ]
    uids = [dict(trackings(document)) for document in documents]
    assert uids[0]["series"] == uids[1]["series"]
    assert (uids[0]["lesion 1"], uids[0]["lesion 2"]) == (uids[1]["lesion 2"], uids[1]["lesion 1"])
    assert uids[0]["slice 2"] == uids[1]["slice 2"]
    assert documents[0].SOPInstanceUID != documents[1].SOPInstanceUID


def test_highdicom_reads_it_back(positive, tmp_path):
    """The reader finds the planar groups with their tracking UIDs."""
    path = tmp_path / "sr.dcm"
    path.write_bytes(positive[0].encode())
    planar_groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in planar_groups] == [
        "lesion 1",
        "lesion 1",
        "lesion 2",
    ]
    assert all(group.roi.GraphicType == "POINT" for group in planar_groups)
