"""The sender: what counts as sent, what is tried again and when, and that a repetition has the same
bytes.
"""

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation
from structlog.testing import capture_logs

from ich_node.deliver.retry import RETRY_FOR, retry_at
from ich_node.ledger import DeliveryState
from ich_node.network.requestor import Requestor
from tests.support.node import open_node
from tests.support.peers import (
    COMPREHENSIVE_3D_SR,
    Pacs,
    free_port,
    orthanc,
    pacs,
    storescp,
    wait_until,
)
from tests.support.results import give_results, result_object
from tests.support.sending import SendingNode, pacs_at, sender_process
from tests.support.standing_clock import START

MINUTE = timedelta(minutes=1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SendingNode]:
    with open_node(tmp_path, SendingNode) as opened:
        yield opened


@pytest.fixture
def peer() -> Iterator[Pacs]:
    with pacs() as stand_in:
        yield stand_in


def test_results_arrive_as_they_are_in_the_spool(node: SendingNode, peer: Pacs) -> None:
    """All results of a job are sent over one association and arrive unchanged; then nothing is
    due.
    """
    uids = node.finish(3)
    sender = node.sender(*pacs_at(peer.port))
    assert sender.send_due() == 3
    assert [ds.SOPInstanceUID for ds in peer.received] == uids
    assert peer.received == [
        dcmread(node.spool.absolute(delivery.path)) for delivery in node.deliveries()
    ]
    assert peer.associations == 1
    assert node.states() == [DeliveryState.SENT] * 3
    assert sender.send_due() == 0


def test_each_destination_gets_its_own(node: SendingNode, peer: Pacs) -> None:
    """A destination that is down delays no other."""
    node.finish(2, to=("pacs", "pacs2"))
    sender = node.sender(*pacs_at(free_port(), peer.port))
    assert [sender.send_due(), sender.send_due(), sender.send_due()] == [2, 2, 0]
    assert len(peer.received) == 2
    assert sorted(node.states()) == sorted([DeliveryState.PENDING] * 2 + [DeliveryState.SENT] * 2)


def test_a_warning_is_sent_and_remembered(node: SendingNode, peer: Pacs) -> None:
    """0xBxxx means that the PACS has the object; the ledger keeps the warning."""
    (uid,) = node.finish(1)
    peer.answers[uid] = 0xB000
    node.sender(*pacs_at(peer.port)).send_due()
    (delivery,) = node.deliveries()
    assert (delivery.state, delivery.detail) == (
        DeliveryState.SENT,
        "stored with a warning: status 0xB000",
    )


def test_the_peers_words_do_not_name_the_patient(node: SendingNode, peer: Pacs) -> None:
    """A PACS quotes what it does not like; ledger and log keep the rest of its comment."""
    (uid,) = node.finish(1)
    peer.answers[uid], peer.comment = 0xA900, "P1 is not Doe, Jane"
    with capture_logs() as log:
        node.sender(*pacs_at(peer.port)).send_due()
    (delivery,) = node.deliveries()
    assert delivery.detail == "the peer refuses the object: status 0xA900 (*** is not ***, ***)"
    assert [each["detail"] for each in log if "detail" in each] == [delivery.detail]


def test_what_is_already_there_is_sent(node: SendingNode, peer: Pacs) -> None:
    """The PACS has stored the object, and the answer was lost: it refuses the repetition."""
    uids = node.finish(2)
    peer.answers[uids[0]] = 0x0111
    node.sender(*pacs_at(peer.port)).send_due()
    assert node.states() == [DeliveryState.SENT] * 2
    assert node.deliveries()[0].detail == "already there: status 0x0111"


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC000, 0x0110, 0x0122, 0x0107])
def test_any_other_status_is_not_sent(node: SendingNode, peer: Pacs, status: int) -> None:
    """An object that the PACS refuses waits with the status in words; the others of the batch are
    sent.
    """
    uids = node.finish(3)
    peer.answers[uids[1]] = status
    node.sender(*pacs_at(peer.port)).send_due()
    refused = node.deliveries()[1]
    assert node.states() == [DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.SENT]
    assert refused.detail == f"the peer refuses the object: status 0x{status:04X}"
    assert refused.next_at == START + timedelta(seconds=30)


def test_the_second_try_sends_only_what_is_missing(node: SendingNode, peer: Pacs) -> None:
    """What was stored is not sent twice."""
    uids = node.finish(3)
    peer.answers[uids[1]] = 0xA700
    sender = node.sender(*pacs_at(peer.port))
    sender.send_due()
    peer.answers.clear()
    node.clock.now += timedelta(seconds=30)
    assert sender.send_due() == 1
    assert [ds.SOPInstanceUID for ds in peer.received] == [uids[0], uids[2], uids[1]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ae_title": "WRONG"}, "the peer does not know the called AE title 'WRONG'"),
        ({"calling_ae_title": "STRANGER"}, "the peer rejects our calling AE title 'STRANGER'"),
    ],
)
def test_a_rejected_association_is_explained(
    node: SendingNode, settings: dict[str, str], words: str
) -> None:
    """The whole batch waits, and each delivery has the reason."""
    node.finish(2)
    with pacs(calling_ae_titles=["ICHNODE"]) as peer:
        node.sender(*pacs_at(peer.port, **settings)).send_due()
    assert node.states() == [DeliveryState.PENDING] * 2
    assert all(words in str(delivery.detail) for delivery in node.deliveries())


def test_an_object_whose_class_the_peer_does_not_know_delays_no_other(node: SendingNode) -> None:
    """A PACS without secondary capture still gets the report."""
    objects = [result_object(0), result_object(1, sop_class=COMPREHENSIVE_3D_SR)]
    give_results(node.ledger, node.spool, objects, ("pacs",), START)
    with pacs(sop_classes=[COMPREHENSIVE_3D_SR]) as peer:
        node.sender(*pacs_at(peer.port)).send_due()
    assert node.states() == [DeliveryState.PENDING, DeliveryState.SENT]
    assert (
        node.deliveries()[0].detail
        == "the peer accepts no presentation context for Secondary Capture Image Storage"
    )


def test_deliveries_to_a_destination_that_was_removed_wait(node: SendingNode) -> None:
    """A destination that is taken out of config.toml loses nothing for 24 hours."""
    node.finish(1, to=("old",))
    node.sender().send_due()
    (delivery,) = node.deliveries()
    assert (delivery.state, delivery.detail) == (
        DeliveryState.PENDING,
        "config.toml has no destination 'old' any more",
    )


def test_a_lost_file_delays_no_other(node: SendingNode, peer: Pacs) -> None:
    """A result that cannot be read from the spool waits; the others are sent."""
    node.finish(2)
    node.spool.absolute(node.deliveries()[0].path).unlink()
    node.sender(*pacs_at(peer.port)).send_due()
    assert node.states() == [DeliveryState.PENDING, DeliveryState.SENT]
    assert "from the spool" in str(node.deliveries()[0].detail)


def test_a_pacs_that_is_down_for_a_while_gets_everything_once(node: SendingNode) -> None:
    """Half an hour without an answer, with backoff; then one try delivers, and the job was analysed
    once.
    """
    uids = node.finish(2)
    port = free_port()
    sender = node.sender(*pacs_at(port))
    tries = 0
    while node.clock.now < START + timedelta(minutes=30):
        tries += sender.send_due() > 0
        node.clock.now += MINUTE / 2
    assert tries == 6  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5 minutes; the next is at 30.5
    node.clock.now += MINUTE
    with pacs(port=port) as peer:
        sender.send_due()
    assert [ds.SOPInstanceUID for ds in peer.received] == uids
    assert [job.attempts for job in node.ledger.operator.list()] == [1]


def test_a_try_at_a_pacs_that_is_down_is_one_event_and_one_line(node: SendingNode) -> None:
    """However many objects wait: each try adds one event to the job and one line to the log."""
    node.finish(21)
    sender = node.sender(*pacs_at(free_port()))
    with capture_logs() as log:
        for _ in range(3):
            sender.send_due()
            node.clock.now += 3 * MINUTE
    tries = [event for event in node.ledger.operator.events(1) if "postponed" in event.event]
    assert [event.detail.split(": ")[0] for event in tries] == ["21 objects, pacs"] * 3
    lines = [line for line in log if line["event"] == "delivery_postponed"]
    assert [(line["objects"], line["destination"]) for line in lines] == [(21, "pacs")] * 3


def test_the_end_of_the_tries_is_one_event_and_one_line(node: SendingNode) -> None:
    """After 24 hours all objects are given up together; none waits for ever."""
    node.finish(21)
    node.clock.now += RETRY_FOR
    with capture_logs() as log:
        node.sender(*pacs_at(free_port())).send_due()
    assert node.states() == [DeliveryState.FAILED] * 21
    failed = [event for event in node.ledger.operator.events(1) if event.event == "delivery failed"]
    assert [event.detail.split(": ")[0] for event in failed] == ["21 objects, pacs"]
    assert [line["objects"] for line in log if line["event"] == "delivery_given_up"] == [21]


def test_a_pacs_that_is_down_delays_no_other(node: SendingNode, peer: Pacs) -> None:
    """Twenty series are owed to two PACS, one of which is down: it is tried once, and the other
    gets all of them at once.
    """
    for series in range(1, 21):
        node.finish(1, series=series, to=("pacs", "pacs2"))
    sender = node.sender(*pacs_at(free_port(), peer.port))
    while sender.send_due():
        pass
    assert len(peer.received) == 20
    assert (
        sum(delivery.attempts for delivery in node.deliveries() if delivery.destination == "pacs")
        == 1
    )
    node.clock.now += timedelta(seconds=30)
    while sender.send_due():
        pass
    assert (
        sum(delivery.attempts for delivery in node.deliveries() if delivery.destination == "pacs")
        == 2
    )


def test_the_waits_double_up_to_a_quarter_of_an_hour() -> None:
    """30 s, 1, 2, 4, 8, then 15 min for ever, until 24 h are over."""
    waits = [
        retry_at(attempts=attempts, first_at=START, now=START)
        for attempts in (1, 2, 3, 4, 5, 6, 7, 90)
    ]
    assert [wait and (wait - START).total_seconds() / 60 for wait in waits] == [
        0.5,
        1,
        2,
        4,
        8,
        15,
        15,
        15,
    ]
    assert retry_at(attempts=99, first_at=START, now=START + RETRY_FOR - MINUTE) is None


def test_after_24_hours_it_is_given_up_with_the_reason_and_can_be_retried(
    node: SendingNode, peer: Pacs
) -> None:
    """FAILED has the reason; after `jobs retry` it is due again."""
    node.finish(1)
    node.clock.now += RETRY_FOR
    node.sender(*pacs_at(free_port())).send_due()
    (delivery,) = node.deliveries()
    assert delivery.state is DeliveryState.FAILED
    assert "nothing answers at" in str(delivery.detail)
    node.ledger.operator.retry(delivery.job_id, now=node.clock.now)
    node.sender(*pacs_at(peer.port)).send_due()
    assert node.states() == [DeliveryState.SENT]


def test_a_broken_association_keeps_what_was_sent(node: SendingNode) -> None:
    """The PACS goes away between two objects: the first is sent, the rest wait."""
    node.finish(3)
    with pacs() as peer:
        sender = node.sender(*pacs_at(peer.port))
        peer.abort_after = 1
        sender.send_due()
    assert node.states() == [DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.PENDING]
    assert "the peer did not answer C-STORE, or broke the association" in str(
        node.deliveries()[1].detail
    )


def test_stop_hands_the_rest_back_at_once(node: SendingNode, peer: Pacs) -> None:
    """Asked to stop in the middle of a batch, the sender finishes its object and leaves the others
    due.
    """
    node.finish(3)
    peer.on_store = lambda _: node.stop.set()
    node.sender(*pacs_at(peer.port)).send_due()
    assert node.states() == [DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.PENDING]
    node.stop.clear()
    assert node.sender(*pacs_at(peer.port), owner="next").send_due() == 2


def test_the_loop_delivers_and_stops(node: SendingNode, peer: Pacs) -> None:
    """`work` sends what is due and ends when `stop` is set."""
    node.finish(2)
    loop = threading.Thread(target=node.sender(*pacs_at(peer.port), owner="loop").work)
    loop.start()
    try:
        wait_until(lambda: node.states() == [DeliveryState.SENT] * 2, what="the delivery")
    finally:
        node.stop.set()
        loop.join()


def test_a_killed_sender_is_replaced_and_sends_the_same_objects(
    node: SendingNode, peer: Pacs, tmp_path: Path
) -> None:
    """kill -9 in the middle of a batch: after the lease another sender finishes it, with the same
    UIDs and bytes.
    """
    node.clock.now = datetime.now(UTC)
    uids = node.finish(5)
    process = sender_process(tmp_path, *pacs_at(peer.port))
    peer.on_store = lambda ds: (
        os.kill(process.pid, signal.SIGKILL) if ds.SOPInstanceUID == uids[2] else None
    )
    assert process.wait(30) == -signal.SIGKILL
    wait_until(lambda: len(peer.received) == 3, what="the third object")
    peer.on_store = lambda _: None
    sender = node.sender(*pacs_at(peer.port), owner="next")
    assert sender.send_due() == 0, "the lease still holds"
    node.clock.now += timedelta(minutes=2)
    sender.send_due()
    assert node.states() == [DeliveryState.SENT] * 5
    received = {ds.SOPInstanceUID: ds for ds in peer.received}
    assert sorted(received) == sorted(uids)
    assert all(received[ds.SOPInstanceUID] == ds for ds in peer.received)


def test_dcmtk_s_storescp_gets_the_results(node: SendingNode, tmp_path: Path) -> None:
    """A real peer writes the objects that we sent."""
    uids = node.finish(3)
    with storescp(tmp_path / "got") as port:
        node.sender(*pacs_at(port)).send_due()
    assert node.states() == [DeliveryState.SENT] * 3
    assert sorted(dcmread(path).SOPInstanceUID for path in (tmp_path / "got").iterdir()) == sorted(
        uids
    )


def test_orthanc_gets_the_results(node: SendingNode, tmp_path: Path) -> None:
    """Orthanc stores the objects of one series and lists them."""
    node.finish(3)
    with orthanc(tmp_path / "orthanc") as peer:
        node.sender(*pacs_at(peer.dicom_port, ae_title="ORTHANC")).send_due()
        with urllib.request.urlopen(f"{peer.url}/instances", timeout=10) as answer:
            assert len(json.load(answer)) == 3
    assert node.states() == [DeliveryState.SENT] * 3


def test_an_answer_is_not_taken_by_the_thread_that_looks_for_requests() -> None:
    """While a sender waits, that thread of pynetdicom gets nothing, however late it comes by; the
    sender does.
    """
    entity = Requestor(ae_title="US")
    association = Association(entity, "requestor")
    entity._create_socket(association, AddressInformation("127.0.0.1", 0), None)
    association.dimse.msg_queue.put((1, "the answer"))
    association._reactor_checkpoint.clear()
    assert association.dimse.get_msg() == (None, None)
    assert association.dimse.get_msg(block=True) == (1, "the answer")
    association.dimse.msg_queue.put((1, "a request of the peer"))
    association._reactor_checkpoint.set()
    assert association.dimse.get_msg() == (1, "a request of the peer")
