"""The measurement groups: certainty, coordinates, tracking, lesions."""

from dataclasses import replace

import highdicom as hd
import pytest
from pydicom import Dataset

from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.series.series import Missing
from tests.support.report.report_examples import (
    ALGORITHM,
    finding,
    make_source,
    negative_reading,
    positive_reading,
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


def numbers(group: Dataset) -> list[float]:
    return [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in items(group)
        if item.ValueType == "NUM"
    ]


def comment_of(group: Dataset) -> str:
    (comment,) = [item.TextValue for item in items(group) if name(item) == ("121106", "DCM")]
    return comment


def test_positive_reading(positive):
    """A group of the series, one a positive slice, one a lesion and one POINT a mark: certainty in
    percent, of a lesion also the height in mm; and each says in words what it is.
    """
    document = positive[0].dataset
    marks = [group for group in groups(document) if regions(group)]
    others = [group for group in groups(document) if not regions(group)]
    assert [(comment_of(group), numbers(group)) for group in others][:4] == [
        ("Hemorrhage present: 3 of 6 slices; highest slice score 97.4 %, threshold 75 %", [97.4]),
        ("Hemorrhage present, image 3: lesion 1", [81.0]),
        ("Hemorrhage present, image 4: lesions 1, 2", [97.4]),
        ("Hemorrhage present, image 5", [90.0]),
    ]
    assert [(comment_of(group), numbers(group)) for group in others][4:] == [
        ("Hemorrhage present, lesion 1", [97.0, 10.0]),
        ("Hemorrhage present, lesion 2", [55.0, 5.0]),
    ]
    assert [(comment_of(group), numbers(group)) for group in marks] == [
        ("Hemorrhage present, lesion 1, image 3", []),
        ("Hemorrhage present, lesion 1, image 4", [97.0]),
        ("Hemorrhage present, lesion 2, image 4", []),
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
    inferred from a line in their margin.
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
    ("probability", "percent"), [(0.99999, 99.9), (0.75001, 75.0), (0.9, 90.0), (1.0, 99.9)]
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
    of_lesions = [group for group in groups(document) if tracking(group)[0].startswith("lesion")]
    assert [tracking(group)[0] for group in of_lesions] == [
        "lesion 1",
        "lesion 1, image 4",
        "lesion 2",
        "lesion 2, image 3",
        "lesion 2, image 2",
        "lesion 2, image 4",
    ]
    assert [certainty(group) for group in of_lesions] == [95.0, -1.0, 70.0, -1.0, 60.0, 65.0]
    sentences = [text for text in texts(document) if text.startswith("Lesion")]
    assert sentences == [
        "Lesion 1: certainty 95 %, image 4, 5.0 mm high; peak on image 4 (20.0 mm) at column 320.5,"
        " row 300.5 (x 29.0, y 20.0, z 20.0 mm).",
        "Lesion 2: certainty 70 %, images 2 to 4, 15.0 mm high; peak on image 3 (15.0 mm) at column"
        " 120.5, row 100.5 (x -61.0, y -70.0, z 15.0 mm).",
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
    assert uids[0]["image 2"] == uids[1]["image 2"]
    assert documents[0].SOPInstanceUID != documents[1].SOPInstanceUID


def test_highdicom_reads_it_back(positive, tmp_path):
    """The reader finds the planar groups with their tracking UIDs."""
    path = tmp_path / "sr.dcm"
    path.write_bytes(positive[0].encode())
    planar_groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in planar_groups] == [
        "lesion 1, image 3",
        "lesion 1, image 4",
        "lesion 2, image 4",
    ]
    assert all(group.roi.GraphicType == "POINT" for group in planar_groups)


HOLE = Missing(
    part="hole",
    detail="no slice between image 2 (10.0 mm) and image 3 (105.0 mm): 95 mm, about 18 slices",
    from_mm=10.0,
    to_mm=105.0,
    slices=18,
    instance_numbers=(2, 3),
)


@pytest.mark.parametrize(
    ("missing", "code", "words"),
    [
        ((), "272519000", "Hemorrhage absent; highest slice score 74.9 %, threshold 75 %"),
        ((HOLE,), "373068000", f"Hemorrhage undetermined: {HOLE.detail}; highest slice score 74.9"),
    ],
)
def test_an_answer_without_blood_has_no_certainty(missing, code, words):
    """The score of a slice is the certainty of blood: beside Absent it would say the opposite. It
    is in words, and never looks equal to the threshold.
    """
    source = make_source(3)
    reading = replace(read_by_hand(source, [0.1, 0.74999, 0.2], {}), missing=missing)
    document = sr_of(source, reading)
    assert faults(document, source.series) == []
    (group,) = groups(document)
    assert certainty(group) == -1.0
    assert numbers(group) == [3.0]
    assert comment_of(group).startswith(words)
    values = [
        item.ConceptCodeSequence[0].CodeValue
        for item in items(group)
        if name(item) == ("1386000", "SCT")
    ]
    assert values == [code]


def test_a_demonstration_model_says_so_where_a_viewer_shows_it():
    """In the verdict, the comments that OHIF shows, and the name of the algorithm."""
    source = make_source(6)
    algorithm = replace(ALGORITHM, demonstration=True)
    for reading in (positive_reading(source), negative_reading(source)):
        document = sr_of(source, reading, algorithm=algorithm)
        said = [text for text in texts(document) if DEMONSTRATION_MODEL in text]
        assert said[0].startswith("Intracranial hemorrhage: ")
        assert DEMONSTRATION_MODEL in comment_of(groups(document)[0])
        assert f"ICH MIL ({DEMONSTRATION_MODEL})" in said
        assert DEMONSTRATION_MODEL in said
        assert DEMONSTRATION_MODEL not in "".join(texts(sr_of(source, reading)))
