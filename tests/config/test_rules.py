"""A mistake in [[rules]] is a sentence that helps."""

from pathlib import Path

import pytest

from ich_node.config.load import load_config
from ich_node.errors import ConfigError
from ich_node.series.site_rules import Conditions, RuleOfSite, Span
from ich_node.study.site_rules import rules_that_never_match, site_rules

SOURCE = '[[sources]]\nname = "er"\nae_title = "CT_ER"\n'


def loaded(tmp_path: Path, *rules: str):
    """The rules of a configuration with these entries."""
    path = tmp_path / "config.toml"
    path.write_text(SOURCE + "".join(f"[[rules]]\n{rule}\n" for rule in rules), encoding="utf-8")
    return site_rules(load_config(path).config)


def test_a_rule_is_taken_over(tmp_path):
    """A text may stand for a list of one; a range has two ends."""
    rules = loaded(
        tmp_path,
        'name = "qa"\naction = "hold"\nreason = "a phantom"\nhold_minutes = 5\n'
        'source = "er"\ncalling = ["CT_ER"]\nkernel = ["B7*", "H7*"]\nthickness_mm = [6, inf]\n'
        "quality_control_image = true",
    )
    conditions = Conditions(
        source=("er",),
        calling=("CT_ER",),
        kernel=("B7*", "H7*"),
        thickness_mm=Span(6, float("inf")),
        quality_control_image=True,
    )
    assert rules.rules == (
        RuleOfSite(
            name="qa", action="hold", reason="a phantom", hold_minutes=5, conditions=conditions
        ),
    )
    assert rules.ae_titles == {"er": "CT_ER"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            'name = "a"\naction = "reed"',
            "[[rules]] action: Input should be 'read', 'refuse',",
        ),
        (
            'name = "a"\naction = "read"\nkernal = "B*"',
            "[[rules]] has no setting 'kernal'; did you mean 'kernel'",
        ),
        ('name = "a b"\naction = "read"', "[[rules]] name: a name has 1 to 64 letters"),
        ('name = "a"\naction = "read"', "[[rules]] a matches every series: give it a condition"),
        (
            'name = "a"\naction = "refuse"\nkernel = "B*"',
            "[[rules]] a: action 'refuse' needs a reason",
        ),
        (
            'name = "a"\naction = "read"\nreason = "x"\nkernel = "B*"',
            "[[rules]] a: only action 'refuse' or 'hold' tells a reason",
        ),
        (
            'name = "a"\naction = "read"\nhold_minutes = 3\nkernel = "B*"',
            "[[rules]] a: hold_minutes needs action 'hold'",
        ),
        (
            'name = "a"\naction = "urgent"\nslices = [1, 8]',
            "slices is not known then; thickness_mm is",
        ),
        (
            'name = "a"\naction = "read"\nslices = [8, 1]',
            "[[rules]] slices: a range is [from, to]",
        ),
        (
            'name = "a"\naction = "read"\nsource = "ward"',
            "[[rules]] a source: no [[sources]] entry has 'ward'; there are: er",
        ),
        (
            'name = "a"\naction = "read"\ncalling = "CT1"',
            "[[rules]] a calling: no [[sources]] entry has 'CT1'; there are: CT_ER",
        ),
        (
            'name = "bone-kernel"\naction = "refuse"\nreason = "x"\nkernel = "B*"',
            "bone-kernel is a shipped rule: action 'disabled' takes it away, 'read' for the series",
        ),
        (
            'name = "bone-kernel"\naction = "disabled"\nkernel = "B*"',
            "action 'disabled' has no conditions; action 'read' takes a shipped rule away",
        ),
        ('name = "bone-kernal"\naction = "disabled"', "did you mean bone-kernel?"),
        (
            'name = "not-axial"\naction = "disabled"',
            "Geometry, Hounsfield units, identity, damage and what the pixels show are no rules",
        ),
        (
            'name = "no_geometry"\naction = "read"\nmodality = "*"',
            "[[rules]] no_geometry: there is no shipped rule of this name. Geometry",
        ),
    ],
)
def test_a_mistake_in_a_rule(tmp_path, rule, words):
    """With the name of the rule or of the setting, and what would be right."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, rule)
    assert words in str(caught.value)


def test_names_are_unique(tmp_path):
    """A refusal names its rule."""
    rule = 'name = "a"\naction = "read"\nkernel = "B*"'
    with pytest.raises(ConfigError, match=r"\[\[rules\]\] uses the name a more than once"):
        loaded(tmp_path, rule, rule)


def test_a_rule_behind_one_that_matches_the_same_never_matches(tmp_path):
    """A wider one, or an equal one."""
    rules = loaded(
        tmp_path,
        'name = "wide"\naction = "read"\nkernel = "B*"',
        'name = "narrow"\naction = "hold"\nkernel = "B*"\nsource = "er"',
        'name = "other"\naction = "hold"\nsource = "er"',
        'name = "bone-kernel"\naction = "read"\nkernel = "B*"',
    )
    assert list(rules_that_never_match(rules)) == [
        "[[rules]] narrow never matches: wide stands before it and matches the same series"
    ]
