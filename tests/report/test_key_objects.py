"""The positive slices as key images."""

from ich_node.report import ReportOptions
from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    of_kind,
    positive_reading,
    report,
)
from tests.support.report.sr_tree import items


def test_the_positive_slices_are_selected():
    """Each once, as evidence too; without a name of their own, which a template forbids; the
    research sentence beside them.
    """
    source = make_source()
    (selection,) = of_kind(report(source, positive_reading(source)), "key_objects")
    images = [item for item in items(selection) if item.ValueType == "IMAGE"]
    uids = [slice_.sop_instance_uid for slice_ in source.series.slices[2:5]]
    assert [image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for image in images] == uids
    assert not [image for image in images if "ConceptNameCodeSequence" in image]
    (study,) = selection.CurrentRequestedProcedureEvidenceSequence
    assert [
        item.ReferencedSOPInstanceUID
        for item in study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    ] == uids
    (description,) = [
        item.TextValue
        for item in items(selection)
        if item.get("TextValue", "").startswith("Slices")
    ]
    assert description == (
        "Slices on which intracranial hemorrhage was detected: 3 of 6 (images 3 to 5). Research"
        " use only. Not a medical device."
    )


def test_it_can_be_switched_off_and_a_negative_reading_has_none():
    """By `[report] key_objects`."""
    source = make_source()
    assert (
        of_kind(
            report(source, positive_reading(source), options=ReportOptions(key_objects=False)),
            "key_objects",
        )
        == []
    )
    assert of_kind(report(source, negative_reading(source)), "key_objects") == []
