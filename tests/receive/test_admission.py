"""Who may come in, how many, how often, and what is negotiated with them."""

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from socketserver import ThreadingMixIn
from typing import Any

import pytest
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    LegacyConvertedEnhancedCTImageStorage,
)
from pynetdicom import AE
from pynetdicom.association import Association

from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import ScpSettings, SeriesSettings, Source
from ich_node.deliver.echo import echo
from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.errors import ConfigError
from ich_node.network.rate_limit import MOST_PEERS, RateLimit
from ich_node.receive import Listener
from ich_node.receive.admission import (
    REJECTIONS_PER_MINUTE,
    Admission,
    Caller,
    Place,
    Rejection,
    identify,
)
from tests.support.heads import head_slice
from tests.support.listening import CT1, ListeningNode, StartNode, echo_status, store
from tests.support.peers import COMPREHENSIVE_3D_SR, CT, SECONDARY_CAPTURE, associated, wait_until
from tests.support.raw_dicom import answer, associate_rq, connect
from tests.support.standing_clock import START


@pytest.mark.parametrize(
    ("caller", "verdict"),
    [
        (("CT1", "ICHNODE", "10.1.2.3"), "ct"),
        (("CT1 ", "ICHNODE ", "10.1.2.3"), "ct"),
        (("CT1", "ICHNODE", "::ffff:10.1.2.3"), "ct"),
        (("CT1", "ICHNODE", "192.168.0.9"), "second"),
        (("CT1", "ICHNODE", "172.16.0.1"), Rejection.HOST),
        (("ANYWHERE", "ICHNODE", "172.16.0.1"), "roaming"),
        (("ct1", "ICHNODE", "10.1.2.3"), Rejection.CALLING_AE),
        (("CT1", "OTHER", "10.1.2.3"), Rejection.CALLED_AE),
    ],
)
def test_the_allow_list(caller: tuple[str, str, str], verdict: Any) -> None:
    """Called AE, calling AE and network must all fit one source; padding does not matter, case
    does.
    """
    sources = (
        Source(name="ct", ae_title="CT1", hosts=("10.0.0.0/8",)),
        Source(name="second", ae_title="CT1", hosts=("192.168.0.9",)),
        Source(name="roaming", ae_title="ANYWHERE"),
    )
    found = identify(
        Caller(calling_ae=caller[0], called_ae=caller[1], address=caller[2]), ["ICHNODE"], sources
    )
    assert (found.name if isinstance(found, Source) else found) == verdict


@pytest.mark.parametrize(
    ("association", "sources", "reason"),
    [
        ({"calling_ae": "STRANGER"}, (CT1,), (1, 1, 3)),
        ({"called_ae": "OTHER"}, (CT1,), (1, 1, 7)),
        ({}, (), (1, 1, 3)),
        ({}, (Source(name="ct", ae_title="CT1", hosts=("192.0.2.0/24",)),), (1, 1, 3)),
    ],
    ids=["calling AE", "called AE", "no sources at all", "wrong host"],
)
def test_outsiders_are_rejected_with_the_reason(
    start_node: StartNode, association: Any, sources: Any, reason: Any
) -> None:
    """An A-ASSOCIATE-RJ names what is wrong; without [[sources]] nobody comes in."""
    node = start_node(sources=sources)
    with associated(node.port, **association) as assoc:
        assert reason_of(assoc) == reason


@pytest.mark.parametrize("padding", [b"\0", b"\0 \0", b" \0junk"])
def test_titles_padded_with_nul(node: ListeningNode, padding: bytes) -> None:
    """Both titles are those before the first NUL, as in a C string: the association is accepted,
    and another title stays another.
    """

    def kind_of_answer(calling: bytes) -> int:
        request = bytearray(associate_rq())
        request[10:26] = (b"ICHNODE" + padding).ljust(16, padding[:1])
        request[26:42] = (calling + padding).ljust(16, padding[:1])
        with connect(node.port, bytes(request)) as connection:
            return answer(connection)[0]

    assert [kind_of_answer(title) for title in (b"CT1", b"CT2", b"")] == [0x02, 0x03, 0x03]


def test_one_association_too_many_is_rejected_for_the_moment(start_node: StartNode) -> None:
    """Over max_associations the rejection is transient; a place that is given back is free."""
    node = start_node(max_associations=1)
    with associated(node.port) as first, associated(node.port) as second:
        assert first.is_established
        assert second.is_rejected
        assert second.acceptor.primitive.result == 2
    wait_until(lambda: echo_status(node.port) == 0x0000, what="a free place")


def test_of_one_more_than_the_limit_at_once_exactly_one_is_rejected(start_node: StartNode) -> None:
    """Requests that arrive at the same moment: the place is reserved with the decision, not when
    the association has started.
    """
    limit = 8
    node = start_node(max_associations=limit)
    request = associate_rq()
    connections = [connect(node.port) for _ in range(limit + 1)]
    try:
        for connection in connections:
            connection.sendall(request)
        kinds = Counter(answer(connection)[0] for connection in connections)
    finally:
        for connection in connections:
            connection.close()
    assert kinds == {0x02: limit, 0x03: 1}
    wait_until(lambda: echo_status(node.port) == 0x0000, what="a free place")


def test_places_are_reserved_under_one_lock() -> None:
    """N + 1 threads ask for N places: exactly one gets none, and a place that is given back, or
    whose association has ended, is free again.
    """
    limit = 16
    caller = Caller(calling_ae="CT1", called_ae="ICHNODE", address="127.0.0.1")
    admission = Admission(
        scp=ScpSettings(max_associations=limit),
        sources=(Source(name="ct", ae_title="CT1"),),
        clock=lambda: START,
    )
    barrier = threading.Barrier(limit + 1)

    def ask() -> Place | Rejection:
        barrier.wait()
        return admission.admit(caller)

    with ThreadPoolExecutor(limit + 1) as threads:
        verdicts = [future.result() for future in [threads.submit(ask) for _ in range(limit + 1)]]
    places = [verdict for verdict in verdicts if isinstance(verdict, Place)]
    assert [verdict for verdict in verdicts if verdict not in places] == [Rejection.TOO_MANY]
    assert admission.admit(caller) is Rejection.TOO_MANY
    assert admission.give_back(places[0])
    assert not admission.give_back(places[0])
    assert isinstance(admission.admit(caller), Place)
    places[1].association = Association(AE(), "acceptor")  # its thread does not run
    assert isinstance(admission.admit(caller), Place)


def test_an_association_that_cannot_start_gives_its_place_back(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a thread for it the peer is rejected, and its place is free again."""
    node = start_node(max_associations=1)

    def no_threads(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(ThreadingMixIn, "process_request", no_threads)
        with associated(node.port) as refused:
            assert reason_of(refused) == (1, 2, 1)
    assert echo_status(node.port) == 0x0000


def test_a_source_has_its_own_limit(start_node: StartNode) -> None:
    """max_associations of one source leaves the places of the others alone."""
    sources = (
        Source(name="greedy", ae_title="CT1", max_associations=1),
        Source(name="other", ae_title="CT2"),
    )
    node = start_node(sources=sources)
    with (
        associated(node.port) as first,
        associated(node.port) as second,
        associated(node.port, calling_ae="CT2") as other,
    ):
        assert first.is_established
        assert reason_of(second) == (2, 3, 2)
        assert other.is_established


def test_a_source_that_comes_too_often_is_rejected_for_the_moment(start_node: StartNode) -> None:
    """associations_per_minute: a minute's worth at once, then one as each is earned again; another
    source is not touched.
    """
    sources = (
        Source(name="busy", ae_title="CT1", associations_per_minute=3),
        Source(name="other", ae_title="CT2"),
    )
    node = start_node(sources=sources)
    assert [echo_status(node.port) for _ in range(4)] == [0x0000, 0x0000, 0x0000, None]
    with associated(node.port) as assoc, associated(node.port, calling_ae="CT2") as other:
        assert reason_of(assoc) == (2, 3, 1)
        assert other.is_established
    node.clock.now += timedelta(seconds=20)
    assert [echo_status(node.port) for _ in range(2)] == [0x0000, None]


def test_echo_says_each_refusal_in_words(start_node: StartNode) -> None:
    """What `ich-node echo` tells the administrator of a node like ours, when it refuses."""
    sources = (
        Source(name="ct", ae_title="CT1", max_associations=1),
        Source(name="busy", ae_title="CT2", associations_per_minute=1),
    )
    node = start_node(sources=sources)

    def words(calling_ae: str, called_ae: str = "ICHNODE") -> str:
        peer = DicomDestination(name="other", ae_title=called_ae, host="127.0.0.1", port=node.port)
        return echo(peer, calling_ae).words

    assert "the peer does not know the called AE title 'OTHER'" in words("CT1", "OTHER")
    assert "the peer rejects our calling AE title 'STRANGER'" in words("STRANGER")
    with associated(node.port):
        assert "the peer's limit of associations is reached (transient" in words("CT1")
    assert "answers C-ECHO" in words("CT2")
    assert "the peer is congested for the moment (transient" in words("CT2")


def test_a_stranger_who_insists_is_told_to_come_later(
    start_node: StartNode, capfd: pytest.CaptureFixture[str]
) -> None:
    """More rejections than REJECTIONS_PER_MINUTE: the answer turns transient, and the log is not
    flooded.
    """
    node = start_node()
    for _ in range(REJECTIONS_PER_MINUTE + 5):
        with associated(node.port, calling_ae="STRANGER") as assoc:
            reason = reason_of(assoc)
    assert reason == (2, 3, 1)
    assert "".join(capfd.readouterr()).count("association_rejected") == REJECTIONS_PER_MINUTE
    assert echo_status(node.port) == 0x0000


def test_a_refusal_is_logged_with_who_and_why(
    start_node: StartNode, capfd: pytest.CaptureFixture[str]
) -> None:
    """AE titles, address and the rule: the administrator need not guess."""
    node = start_node()
    with associated(node.port, calling_ae="STRANGER"), associated(node.port, called_ae="OTHER"):
        pass
    logged = "".join(capfd.readouterr())
    assert "no [[sources]] entry has this calling AE title" in logged
    assert "the called AE title is not ours" in logged
    assert all(word in logged for word in ("STRANGER", "OTHER", "127.0.0.1"))


def test_rates_forget_who_is_long_gone() -> None:
    """A flood of invented peers takes no memory; a clock that is set back adds no tokens."""
    rates = RateLimit()
    for number in range(3 * MOST_PEERS):
        assert rates.allow(f"address {number}", per_minute=1, now=START)
    assert len(rates._buckets) == MOST_PEERS
    assert rates.allow("ct", per_minute=1, now=START)
    assert not rates.allow("ct", per_minute=1, now=START - timedelta(hours=1))
    assert not rates.allow("ct", per_minute=1, now=START - timedelta(hours=1))
    assert rates.allow("ct", per_minute=1, now=START)


def reason_of(association: Any) -> tuple[int, int, int]:
    assert association.is_rejected
    rejection = association.acceptor.primitive
    return rejection.result, rejection.result_source, rejection.diagnostic


def test_a_port_in_use_is_said_in_a_sentence(start_node: StartNode) -> None:
    """A second listener on the port is a mistake of the configuration."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ScpSettings(bind_address="127.0.0.1", port=taken.getsockname()[1])
        node = start_node()
        with pytest.raises(ConfigError, match="cannot listen on"):
            Listener(
                scp=settings,
                sources=(),
                series=SeriesSettings(),
                spool=node.spool,
                ledger=node.ledger.receiving,
                clock=node.clock,
            ).__enter__()


def test_every_transfer_syntax_of_the_table_is_negotiated_and_no_other(node: ListeningNode) -> None:
    """Each of ACCEPTED_TRANSFER_SYNTAXES gets a context for CT; Deflated and HTJ2K do not, whatever
    else is proposed.
    """
    proposed = [
        *ACCEPTED_TRANSFER_SYNTAXES,
        DeflatedExplicitVRLittleEndian,
        UID("1.2.840.10008.1.2.4.201"),
    ]
    with associated(node.port, contexts=[(CT, (syntax,)) for syntax in proposed]) as assoc:
        accepted = {context.transfer_syntax[0] for context in assoc.accepted_contexts}
    assert accepted == set(ACCEPTED_TRANSFER_SYNTAXES)


def test_the_sender_s_first_choice_wins(node: ListeningNode) -> None:
    """Of several syntaxes in one context the first that we accept is taken, so compressed objects
    come as they are.
    """
    with associated(
        node.port, contexts=[(CT, (JPEG2000Lossless, ExplicitVRLittleEndian))]
    ) as assoc:
        assert assoc.accepted_contexts[0].transfer_syntax == [JPEG2000Lossless]


@pytest.mark.parametrize(
    "sop_class", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage]
)
def test_multi_frame_ct_is_stored(node: ListeningNode, sop_class: UID) -> None:
    """In every transfer syntax of classic CT."""
    ds = head_slice(0, SOPClassUID=sop_class)
    proposed = [(sop_class, (syntax,)) for syntax in ACCEPTED_TRANSFER_SYNTAXES]
    with associated(node.port, contexts=proposed) as assoc:
        accepted = {context.transfer_syntax[0] for context in assoc.accepted_contexts}
    assert accepted == set(ACCEPTED_TRANSFER_SYNTAXES)
    contexts = ((sop_class, (ExplicitVRLittleEndian,)),)
    assert store(node, ds, contexts=contexts)[0].Status == 0x0000


def test_results_are_not_negotiated(node: ListeningNode) -> None:
    """Structured reports and secondary captures, ours or another's, find no context: no result is
    ever analysed.
    """
    results = {COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE}
    with associated(
        node.port, contexts=[(uid, (ExplicitVRLittleEndian,)) for uid in (CT, *results)]
    ) as assoc:
        assert {context.abstract_syntax for context in assoc.rejected_contexts} == results
