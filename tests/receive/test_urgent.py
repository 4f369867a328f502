"""Series that a sender or a rule marks as urgent are read before all others."""

from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from structlog.testing import capture_logs

from ich_node.config.settings import Source
from ich_node.ledger import Lane
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules
from tests.support.enhanced import to_enhanced
from tests.support.heads import head_series, head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, store
from tests.support.peers import associated

LOW, MEDIUM, HIGH = 2, 0, 1


@pytest.mark.parametrize(
    ("priority", "lane"), [(LOW, Lane.ORDINARY), (MEDIUM, Lane.ORDINARY), (HIGH, Lane.URGENT)]
)
def test_a_c_store_with_the_priority_high_makes_its_series_urgent(
    node: ListeningNode, priority: int, lane: Lane
) -> None:
    """(0000,0700) of the command."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        assert assoc.send_c_store(head_slice(0), priority=priority).Status == 0
    assert [job.lane for job in node.ledger.operator.list()] == [lane]


def test_a_source_may_be_urgent(start_node: StartNode) -> None:
    """Few scanners set a priority: the administrator says which is in the emergency room."""
    node = start_node(sources=(Source(name="emergency", ae_title="CT1", urgent=True),))
    store(node, head_slice(0))
    assert [job.lane for job in node.ledger.operator.list()] == [Lane.URGENT]


def rules_of(**conditions: Any) -> SiteRules:
    stroke = RuleOfSite(name="stroke", action="urgent", conditions=Conditions(**conditions))
    return SiteRules(rules=(stroke,))


@pytest.mark.parametrize(
    ("said", "lane"), [("CT Stroke", Lane.URGENT), ("CT routine", Lane.ORDINARY)]
)
def test_a_rule_makes_a_series_urgent_by_its_first_object(
    start_node: StartNode, said: str, lane: Lane
) -> None:
    """A localizer that comes before the slices says nothing yet. The log names series and rule."""
    rules = rules_of(description=("*stroke*",), source=("ct",))
    node = start_node(urgent_rule=rules.urgent_rule)
    localizer = head_slice(0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    slices = [head_slice(index, SeriesDescription=said) for index in (1, 2)]
    with capture_logs() as logs:
        assert [answer.Status for answer in store(node, localizer, *slices)] == [0, 0, 0]
    assert [job.lane for job in node.ledger.operator.list()] == [lane]
    urgent = [line["rule"] for line in logs if line["event"] == "series_urgent"]
    assert urgent == (["stroke"] if lane is Lane.URGENT else [])
    assert said not in str(logs)


def test_frames_are_judged_too(start_node: StartNode) -> None:
    """The kernel of Enhanced CT is in its functional groups."""
    node = start_node(urgent_rule=rules_of(kernel=("H31*",)).urgent_rule)
    enhanced = to_enhanced(head_series(ConvolutionKernel="H31s"))
    contexts = ((str(enhanced.SOPClassUID), (ExplicitVRLittleEndian,)),)
    assert [answer.Status for answer in store(node, enhanced, contexts=contexts)] == [0]
    assert [job.lane for job in node.ledger.operator.list()] == [Lane.URGENT]
