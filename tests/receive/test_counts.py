"""What the listener counts: how associations end, which objects are stored and refused."""

from ich_node.ledger.pauses import RECEIVING
from tests.support.heads import head_series
from tests.support.listening import echo_status, store
from tests.support.peers import associated, wait_until


def counted(node) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, in the order of the labels' names."""
    node.ledger.counts.add(node.counts.take())
    return {(each.name, *each.labels.values()): each.value for each in node.ledger.counts.all()}


def test_associations(start_node):
    """Each counts once, at its end; who is no source is unknown, whatever he calls himself."""
    node = start_node(max_associations=1)
    assert echo_status(node.port) == 0
    with associated(node.port) as first:
        assert first.is_established
        with associated(node.port) as second:
            assert second.is_rejected
        first.abort()
    for title in ("SOMEBODY", "MORE"):
        with associated(node.port, calling_ae=title) as stranger:
            assert stranger.is_rejected
    wait_until(lambda: node.listener.open_associations == 0, what="the end of all")
    node.ledger.pauses.pause(RECEIVING, now=node.clock.now, until=None, who="ada", why="")
    node.listener.look_at_pauses()
    assert not node.listener.is_accepting
    found = counted(node)
    assert {key: value for key, value in found.items() if key[0] == "associations"} == {
        ("associations", "", "released", "ct"): 1,
        ("associations", "", "aborted", "ct"): 1,
        ("associations", "too_many", "rejected", "ct"): 1,
        ("associations", "calling_ae", "rejected", "unknown"): 2,
    }


def test_objects(node):
    """Stored ones, also those that came twice; refused ones by their status."""
    slices = head_series()[:3]
    slices[2].StudyInstanceUID = "not a UID"
    statuses = [answer.Status for answer in store(node, *slices, slices[0])]
    assert statuses == [0, 0, 0xC002, 0]
    found = counted(node)
    assert found["instances", "ct"] == 3
    assert found["instances_refused", "ct", "uid_illegal"] == 1
