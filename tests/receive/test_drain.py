"""`ich-node drain`: nothing new is received, what is open finishes."""

import pytest
from structlog.testing import capture_logs

from ich_node.ledger.pauses import RECEIVING
from ich_node.network.storage_commitment import PUSH_MODEL
from ich_node.receive.drain import STILL_OPEN, may_bring_objects
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, echo_status, store
from tests.support.peers import CT, VERIFICATION, associated, wait_until
from tests.support.raw_dicom import associate_rq

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def drain(node: ListeningNode) -> None:
    node.ledger.pauses.pause(RECEIVING, now=node.clock.now, until=None, who="ann", why="")
    node.listener.look_at_pauses()


def test_new_associations_are_told_to_try_later_and_the_open_one_finishes(
    node: ListeningNode,
) -> None:
    """A-ASSOCIATE-RJ, transient, temporary congestion; Verification is answered. While the open
    association brings objects, the ledger says that the node is not empty.
    """
    with associated(node.port, contexts=EXPLICIT) as open_before, capture_logs() as log:
        assert open_before.is_established
        drain(node)
        with associated(node.port, contexts=EXPLICIT) as new:
            assert not new.is_established
            rejection = new.acceptor.primitive
            assert (rejection.result, rejection.result_source, rejection.diagnostic) == (2, 3, 1)
        with associated(node.port, contexts=[(VERIFICATION, (EXPLICIT_LITTLE,))]) as echo:
            assert echo.send_c_echo().Status == 0x0000
        assert open_before.send_c_store(head_slice(0)).Status == 0x0000
        (pause,) = node.ledger.pauses.all()
        assert pause.busy_until == node.clock.now + STILL_OPEN
    events = [line["event"] for line in log]
    assert events.count("paused") == 1
    assert [line["rule"] for line in log if line["event"] == "association_rejected"] == [
        "the node takes nothing new until `ich-node resume`"
    ]
    wait_until(lambda: node.ledger.operator.list() != [], what="the job")
    node.clock.now += STILL_OPEN
    wait_until(lambda: not node.listener._services.admission.open_associations)
    node.listener.look_at_pauses()
    (pause,) = node.ledger.pauses.all()
    assert pause.busy_until is not None
    assert pause.busy_until <= node.clock.now


def test_a_drain_survives_a_restart_and_is_taken_back(start_node: StartNode) -> None:
    """The listener that starts while the node is drained rejects its first association."""
    drain(start_node())
    node = start_node()
    with associated(node.port) as assoc:
        assert not assoc.is_established
    node.ledger.pauses.resume([RECEIVING], now=node.clock.now, who="ann")
    node.listener.look_at_pauses()
    assert echo_status(node.port) == 0x0000
    assert store(node, head_slice(0))[0].Status == 0x0000


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        ([VERIFICATION], False),
        ([VERIFICATION, PUSH_MODEL], False),
        ([VERIFICATION, CT], True),
        ([], True),
    ],
)
def test_what_an_association_may_bring(asked: list[str], may: bool) -> None:
    """As the bytes of its request say; whatever cannot be understood may bring objects."""
    request = associate_rq(contexts=[(each, [EXPLICIT_LITTLE]) for each in asked])
    assert may_bring_objects(request) is may
    assert may_bring_objects(request[:-3]) in (may, True)
    assert may_bring_objects(request[:80])
