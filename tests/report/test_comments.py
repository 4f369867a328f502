"""The comments for people."""

from ich_node.detection.reading import Finding
from tests.support.report.report_examples import (
    finding,
    make_source,
    read_by_hand,
    sr_of,
)
from tests.support.report.sr_tree import (
    faults,
    groups,
    regions,
    texts,
)


def test_marks_are_cut_at_five_and_those_outside_are_dropped_aloud():
    """The highest five of a slice are listed, none outside of the image, and a comment counts the
    rest.
    """
    source = make_source(2)
    many = tuple(finding(50 + 20 * index, 100, 0.1 * index) for index in range(1, 8))
    outside = Finding(row=-3.0, column=5.0, likelihood=9.0, probability=0.99)
    document = sr_of(source, read_by_hand(source, [0.9, 0.1], {0: (*many, outside)}))
    assert faults(document, source.series) == []
    assert sum(bool(regions(group)) for group in groups(document)) == 5
    assert [text for text in texts(document) if text.startswith("3 marks are not listed")]


def test_comments_say_research_use_and_what_was_left_out(positive):
    """The comments hold the research sentence and the reasons, and no patient."""
    comments = texts(positive[0].dataset)
    assert "Research use only. Not a medical device." in comments
    assert "Objects of the series that were not read: 1 x localizer." in comments
    assert not [text for text in comments if "Eva" in text or "4711" in text]
