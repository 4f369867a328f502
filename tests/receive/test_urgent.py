"""Series that a sender marks as urgent are read before all others."""

import pytest

from ich_node.config.settings import Source
from ich_node.ledger import Lane
from tests.support.heads import head_slice
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
