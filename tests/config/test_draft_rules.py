"""A draft of a rule is read like config.toml; a mistake is a sentence with the line."""

import pytest

from ich_node.config.draft_rules import draft_rules
from ich_node.config.settings import Source
from ich_node.errors import ConfigError

SOURCES = (Source(name="ct-er", ae_title="CT_ER"),)
BARE = """# perfusion maps are not read
name = "no-perfusion"
action = "refuse"
reason = "perfusion maps are not read"
description = "*perf*"
"""


@pytest.mark.parametrize("text", [BARE, f"[[rules]]\n{BARE}", f"\n  [[ rules ]]\n{BARE}"])
def test_the_heading_of_a_single_rule_may_be_left_out(text):
    (rule,) = draft_rules(text, SOURCES)
    assert (rule.name, rule.action) == ("no-perfusion", "refuse")
    assert rule.conditions == {"description": ("*perf*",)}


def test_several_rules_keep_their_order():
    text = '[[rules]]\nname = "b"\naction = "urgent"\nsource = "ct-er"\n[[rules]]\n' + BARE
    assert [rule.name for rule in draft_rules(text, SOURCES)] == ["b", "no-perfusion"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "write a rule: a name, an action, and at least one condition"),
        ("x" * 4001, "a draft has at most 4000 characters; this one has 4001"),
        (BARE + "kernel = h7*", "line 6: Invalid value (at line 6, column 10); text stands in"),
        (BARE + "descripton = 'x'", "line 6: [[rules]] has no setting 'descripton'; did you mean"),
        (BARE.replace("refuse", "refuze"), "line 3: [[rules]] action: "),
        (BARE.replace("refuse", "refuze"), "did you mean 'refuse'?"),
        ("[[rules]]\n" + BARE + "slices = [9, 3]", "line 7: [[rules]] slices: a range is [from"),
        ('name = "mine"', "line 1: [[rules]] needs the setting 'action'"),
        (BARE + 'source = "ct-or"', "[[rules]] no-perfusion source: no [[sources]] entry has"),
        (
            f"[[rules]]\n{BARE}[[rules]]\n{BARE}",
            "line 7: [[rules]] uses the name no-perfusion more than once",
        ),
        ("[scp]\nport = 104", "line 1: there is no 'scp' here; a draft has nothing but [[rules]]"),
        ("[[rule]]\n" + BARE, "line 1: there is no 'rule' here; did you mean 'rules'?"),
        ("[rules]\n" + BARE, "line 1: write [[rules]], in two brackets"),
        ('name = "mine"\naction = "read"', "[[rules]] mine matches every series"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_line(text, sentence):
    with pytest.raises(ConfigError) as caught:
        draft_rules(text, SOURCES)
    assert sentence in caught.value.detail


def test_each_mistake_is_named():
    text = BARE.replace("refuse", "refuze") + "slices = [9, 3]\n"
    with pytest.raises(ConfigError) as caught:
        draft_rules(text, SOURCES)
    assert [line[:6] for line in caught.value.detail.splitlines()] == ["line 3", "line 6"]
