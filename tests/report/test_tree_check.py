"""The tree check of the tests finds what no validator finds."""

from collections.abc import Callable
from copy import deepcopy

import pytest
from pydicom import Dataset

from tests.support.report.report_examples import (
    make_source,
)
from tests.support.report.sr_tree import (
    faults,
    groups,
    items,
    name,
    regions,
    walk,
)


def test_a_positive_and_a_negative_tree_have_no_fault(positive, negative):
    """The tests' own tree check passes on both."""
    series = make_source().series
    assert faults(positive[0].dataset, series) == []
    assert faults(negative[0].dataset, series) == []


def planar(document: Dataset) -> Dataset:
    return next(group for group in groups(document) if regions(group))


def remove(parent: Dataset, concept: tuple[str, str]) -> None:
    parent.ContentSequence = [item for item in items(parent) if name(item) != concept]


def multipoint(document: Dataset) -> None:
    region = regions(planar(document))[0]
    region.GraphicType, region.GraphicData = "MULTIPOINT", [1, 1, 2, 2]


def number(document: Dataset) -> Dataset:
    return next(
        item for item in items(groups(document)[0]) if item.ValueType == "NUM"
    ).MeasuredValueSequence[0]


def coded_item(
    document: Dataset, concept: tuple[str, str], group: Dataset | None = None
) -> Dataset:
    return next(item for item in items(group or planar(document)) if name(item) == concept)


def coded(document: Dataset, concept: tuple[str, str], group: Dataset | None = None) -> Dataset:
    return coded_item(document, concept, group).ConceptCodeSequence[0]


def same_tracking(document: Dataset) -> None:
    for item in walk(document):
        if name(item) == ("112040", "DCM"):
            item.UID = "1.2.3"


MUTATIONS: dict[str, Callable[[Dataset], object]] = {
    "no tracking UID": lambda document: remove(planar(document), ("112040", "DCM")),
    "one tracking UID for all": same_tracking,
    "no comment": lambda document: remove(planar(document), ("121106", "DCM")),
    "a Finding Site that a viewer would write as a code": lambda document: planar(
        document
    ).ContentSequence.append(coded_item(document, ("121071", "DCM")).ContentSequence[0]),
    "a certainty beside Absent": lambda document: setattr(
        coded(document, ("1386000", "SCT"), groups(document)[0]), "CodeValue", "272519000"
    ),
    "MULTIPOINT in a planar group": multipoint,
    "bad UCUM unit": lambda document: setattr(
        number(document).MeasurementUnitsCodeSequence[0], "CodeValue", "percent"
    ),
    "more than 100 percent": lambda document: setattr(number(document), "NumericValue", "101"),
    "wrong SNOMED value": lambda document: setattr(
        coded(document, ("121071", "DCM")), "CodeValue", "1386001"
    ),
    "Manual Processing as the family": lambda document: setattr(
        coded(document, ("111000", "DCM")), "CodeValue", "123109"
    ),
    "no Procedure reported": lambda document: remove(document, ("121058", "DCM")),
    "no Image Library": lambda document: remove(document, ("111028", "DCM")),
    "point outside the image": lambda document: setattr(
        regions(planar(document))[0], "GraphicData", [600.0, 10.0]
    ),
    "a picture that is not whole": lambda document: setattr(
        next(item for item in walk(document) if item.get("GraphicType") == "POLYLINE"),
        "GraphicData",
        [0, 5, 9, 5],
    ),
    "point on a foreign image": lambda document: setattr(
        regions(planar(document))[0].ContentSequence[0].ReferencedSOPSequence[0],
        "ReferencedSOPInstanceUID",
        "1.2.3",
    ),
    "INFERRED FROM instead of SELECTED FROM": lambda document: setattr(
        regions(planar(document))[0].ContentSequence[0], "RelationshipType", "INFERRED FROM"
    ),
}


@pytest.mark.parametrize("fault", MUTATIONS)
def test_the_tree_check_sees_what_no_validator_does(fault, positive):
    """Each fault, put into a good tree, is found."""
    document = deepcopy(positive[0].dataset)
    MUTATIONS[fault](document)
    assert faults(document, make_source().series)
