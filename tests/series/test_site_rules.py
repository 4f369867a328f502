"""The rules of a site: what they match, which one decides, and what they cannot change."""

from dataclasses import replace
from typing import Any

import pytest

from ich_node import errors
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from ich_node.series.shipped_rules import SHIPPED
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules, Span
from tests.support.heads import head_series
from tests.support.study_series import chest

TITLES = {"er": "CT_ER", "ward": "CT_WARD"}
HEADER: dict[str, Any] = {
    "BodyPartExamined": "HEAD",
    "SeriesDescription": "Kopf  nativ 5.0",
    "ProtocolName": "Schlaganfall",
    "ConvolutionKernel": ["J40s", "3"],
    "PatientAge": "067Y",
    "QualityControlImage": "YES",
}


def rule(name: str = "mine", action: Any = "refuse", **conditions: Any) -> RuleOfSite:
    return RuleOfSite(name=name, action=action, conditions=Conditions(**conditions))


def why(
    sender: str | None = "er", header: dict[str, Any] = HEADER, **conditions: Any
) -> str | None:
    """Why a rule with these conditions matches a head of 12 slices of 10 mm; None if not."""
    rules = SiteRules(rules=(rule(**conditions),), ae_titles=TITLES)
    decision = rules.decide(head_series(**header), source=sender)
    return decision.why if decision.rule else None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"source": ("ward", "er")}, "source 'er'"),
        ({"source": ("ward",)}, None),
        ({"calling": ("CT_ER",)}, "calling 'CT_ER'"),
        ({"modality": ("ct",)}, "Modality 'CT' matches 'ct'"),
        ({"body_part": ("he*",)}, "BodyPartExamined 'HEAD' matches 'he*'"),
        (
            {"description": ("*perf*", "*NATIV*")},
            "SeriesDescription 'Kopf nativ 5.0' matches '*NATIV*'",
        ),
        ({"description": ("nativ",)}, None),
        ({"protocol": ("schlag?nfall",)}, "ProtocolName 'Schlaganfall' matches 'schlag?nfall'"),
        ({"kernel": ("j40*",)}, "ConvolutionKernel 'J40s 3' matches 'j40*'"),
        ({"thickness_mm": Span(6, float("inf"))}, "SliceThickness 10 is in 6 and up"),
        ({"thickness_mm": Span(0, 9.9)}, None),
        ({"slices": Span(12, 12)}, "number of slices 12 is in 12 to 12"),
        ({"slices": Span(0, 11)}, None),
        ({"age_years": Span(65, 70)}, "age in years 67 is in 65 to 70"),
        ({"age_years": Span(0, 18)}, None),
        ({"contrast": False}, "the header speaks of no contrast agent"),
        ({"contrast": True}, None),
        ({"quality_control_image": True}, "QualityControlImage is YES"),
        ({"kernel": ("j40*",), "source": ("ward",)}, None),
    ],
)
def test_what_a_rule_matches(conditions, expected):
    """All conditions hold; of a list, one value."""
    assert why(**conditions) == expected


def test_what_is_not_known_matches_no_rule():
    """Files have no source; a header without an age has none. A text that is absent is empty."""
    header = {"PatientBirthDate": None, "SliceThickness": None}
    assert why(None, calling=("CT_ER",)) is None
    assert why(header=header, age_years=Span(0, 200)) is None
    assert why(header=header, thickness_mm=Span(0, 200)) is None
    assert why(header=header, kernel=("",)) == "ConvolutionKernel '' matches ''"


def test_where_objects_differ_most_of_them_decide():
    """A localizer is no slice; an agent that one object names is an agent."""
    datasets = head_series(SeriesDescription="HEAD")
    datasets[0].SeriesDescription, datasets[0].ImageType = (
        "TOPO",
        ["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    datasets[1].SeriesDescription, datasets[1].ContrastBolusAgent = "OTHER", "Iomeron"
    conditions = {"description": ("head",), "slices": Span(11, 11), "contrast": True}
    rules = SiteRules(rules=(rule(**conditions),))
    assert rules.decide([*datasets, datasets[-1]], source=None).rule_name == "mine"


def test_the_first_rule_that_matches_decides():
    """A refusal names its rule, with the reason of the site as it was written."""
    refuses = replace(rule("no-j40", kernel=("J40*",)), reason="read elsewhere.")
    rules = SiteRules(
        rules=(rule("other", kernel=("B*",)), refuses, rule("late", "read", modality=("*",)))
    )
    with pytest.raises(errors.SiteRefusal) as refused:
        rules.decide(head_series(**HEADER), source="er").check_refused()
    assert refused.value.detail == "read elsewhere (rule no-j40)"
    assert (refused.value.rule, refused.value.reason) == ("no-j40", "site_rule")


def test_a_released_series_is_not_held_again():
    """The rules after the one that held it decide."""
    rules = SiteRules(rules=(rule("wait", "hold", modality=("CT",)), rule("no", modality=("CT",))))
    assert rules.decide(head_series(), source=None).hold is not None
    released = rules.decide(head_series(), source=None, released=True)
    assert (released.hold, released.rule_name) == (None, "no")


REFUSED_BY_WORDS = {
    "derived-image": lambda: head_series(ImageType=["DERIVED", "SECONDARY", "MPR"]),
    "page-of-text": lambda: head_series(SeriesDescription="Dose Report"),
    "bone-kernel": lambda: head_series(ConvolutionKernel="BONE"),
    "bone-description": lambda: head_series(SeriesDescription="Knochenfenster"),
}


@pytest.mark.parametrize("name", REFUSED_BY_WORDS)
def test_a_shipped_rule_is_taken_away(name):
    """By its name, for all series or for those that match; by a rule that reads, too."""
    datasets = REFUSED_BY_WORDS[name]()
    with pytest.raises(errors.Refusal) as refused:
        read_series(datasets)
    assert (refused.value.rule, refused.value.reason) == (name, SHIPPED[name].refuses)
    assert refused.value.why
    for taking in (
        rule(name, "disabled"),
        rule(name, "read", source=("er",)),
        rule("all", "read", source=("er",)),
    ):
        decision = SiteRules(rules=(taking,)).decide(datasets, source="er")
        assert name in decision.ignored
        assert read_series(datasets, rules=SelectionRules(ignored=decision.ignored)).slices
    elsewhere = SiteRules(rules=(rule(name, "read", source=("er",)),))
    assert not elsewhere.decide(datasets, source="ward").ignored


def test_geometry_identity_and_pixels_stay():
    """Whatever a rule of the site says."""
    everything = SelectionRules(ignored=frozenset(SHIPPED))
    coronal = head_series(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 0.0, -1.0])
    for datasets, kind in (
        (coronal, errors.NotAxial),
        (head_series(RescaleSlope=None), errors.NoHounsfieldUnits),
        (head_series(4), errors.TooFewSlices),
        (chest(1), errors.NotHead),
        (head_series(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), errors.TooFewSlices),
    ):
        with pytest.raises(kind):
            read_series(datasets, rules=everything)


def test_the_urgent_rule_is_known_from_the_first_object():
    """Number of slices: not yet. What an earlier rule refuses is not urgent."""
    first = head_series(SeriesDescription="Stroke")[0]
    urgent = rule("stroke", "urgent", description=("*stroke*",))
    refuses = rule("no", description=("*stroke*",))
    few = rule("few", slices=Span(0, 8))
    assert SiteRules(rules=(few, urgent)).urgent_rule("er", first) == "stroke"
    assert SiteRules(rules=(refuses, urgent)).urgent_rule("er", first) is None
    assert SiteRules(rules=(urgent,)).has_urgent
    assert not SiteRules(rules=(refuses,)).has_urgent
