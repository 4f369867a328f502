"""C-FIND and C-MOVE with a PACS stand-in that can be told to misbehave."""

from datetime import date

import pytest

from ich_node.errors import PeerUnavailable
from ich_node.ledger import JobState
from ich_node.ledger.pauses import RECEIVING
from ich_node.pull.asked import Accession, Day, OneStudy
from ich_node.pull.choice import Decision
from ich_node.pull.fetch import DRAINED, Outcome
from tests.pull.conftest import at
from tests.support.heads import ROOT
from tests.support.query_retrieve import query_retrieve_peer, series_of

HEAD, CHEST, SCOUT = (
    series_of(1, "Head 5.0"),
    series_of(2, "Thorax 5.0"),
    series_of(3, "Topogram 0.6", 1),
)
PAGE = series_of(1, "Head 5.0", 1, Modality="SR")[0]
PAGE.SeriesInstanceUID, PAGE.SOPInstanceUID = f"{ROOT}1.9", f"{ROOT}1.9.1"
FIRST_OF_JANUARY = Day(day=date(2026, 1, 1))


def test_only_series_that_may_be_heads_are_chosen(node):
    """What is left out has its reason; the words of the study do not count, those of the series
    do. A wrong body part does not leave out what is called a head.
    """
    doubtful = [
        series_of(4, "5.0 Hr40", BodyPartExamined="CHEST"),
        series_of(5, "Kopf nativ", BodyPartExamined="CHEST"),
        series_of(6, "", StudyDescription="CT Thorax"),
    ]
    held = [*HEAD, PAGE, *CHEST, *SCOUT, *(ds for series in doubtful for ds in series)]
    with query_retrieve_peer(held) as peer:
        chosen, found = node.chosen(node.dicom(peer.port), [FIRST_OF_JANUARY])
    assert {(one.series.uid, one.decision, one.why, one.images) for one in chosen} == {
        (f"{ROOT}1.1", Decision.FETCH, "new", 3),
        (f"{ROOT}2.1", Decision.LEFT_OUT, "not a head: THORAX", 3),
        (f"{ROOT}3.1", Decision.LEFT_OUT, "no slices: TOPOGRAM", 1),
        (f"{ROOT}4.1", Decision.LEFT_OUT, "not a head: CHEST", 3),
        (f"{ROOT}5.1", Decision.FETCH, "new", 3),
        (f"{ROOT}6.1", Decision.FETCH, "new", 3),
    }
    assert (found.strangers, found.doubts, found.nothing_for) == (0, [], [])


def test_a_second_pull_finds_everything_here(node):
    """The first goes through the listener, and says in the journal of the job who asked for it."""
    with query_retrieve_peer([*HEAD, *CHEST], knows={"ICHNODE": node.port}) as peer:
        archive = node.dicom(peer.port)
        asked = [Accession(line=1, number="A1"), Accession(line=2, number="NONE")]
        (fetched,) = node.pull(archive, asked)
        assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, 3)
        (one,), found = node.chosen(archive, asked)
        assert (one.decision, one.why) == (Decision.HERE, "waiting already")
        assert [each.words for each in found.nothing_for] == ["line 2"]
        assert peer.moved == [f"{ROOT}1.1"]
    events = node.ledger.operator.events(node.job.id)
    assert [event.detail for event in events if event.event == "pulled"] == [
        "3 objects from pacs, by admin"
    ]


def test_what_is_missing_of_a_series_is_fetched(node):
    """A transfer broke: 2 of 3 images are here. Objects of other classes are not missing."""
    broken = {HEAD[2].SOPInstanceUID}
    with query_retrieve_peer(HEAD, knows={"ICHNODE": node.port}, loses=broken) as peer:
        archive = node.dicom(peer.port)
        (failed,) = node.pull(archive, [OneStudy(uid=f"{ROOT}1")])
        assert (failed.outcome, failed.objects) == (Outcome.FAILED, 2)
        assert "the source says that it sent all" in failed.detail
        (one,), _ = node.chosen(archive, [OneStudy(uid=f"{ROOT}1")])
        assert one.why == "incomplete: 2 of 3"
        peer.loses = set()
        (fetched,) = node.pull(archive, [OneStudy(uid=f"{ROOT}1")])
        assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, 3)
        capture = series_of(1, "Head 5.0", 4, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")[3]
        peer.held = [*HEAD, capture]
        (one,), _ = node.chosen(archive, [OneStudy(uid=f"{ROOT}1")])
        assert (one.decision, one.images) == (Decision.HERE, 3)


def test_a_cancelled_series_stays_cancelled(node):
    """Its objects are here, so sending them again would read nothing: `jobs retry` does."""
    with query_retrieve_peer(HEAD, knows={"ICHNODE": node.port}) as peer:
        archive = node.dicom(peer.port)
        node.pull(archive, [OneStudy(uid=f"{ROOT}1")])
        node.ledger.operator.cancel(node.job.id, now=node.clock())
        (one,), _ = node.chosen(archive, [OneStudy(uid=f"{ROOT}1")])
    assert (one.decision, one.why) == (Decision.HERE, "here already: cancelled")
    assert node.job.state is JobState.CANCELLED


def test_a_source_that_ignores_the_question_gets_no_answer_of_ours(node):
    """It answers with all that it has: what was not asked for is not fetched."""
    with query_retrieve_peer([*HEAD, *CHEST], ignores_keys=True) as peer:
        chosen, found = node.chosen(node.dicom(peer.port), [Accession(line=1, number="A1")])
        assert [one.series.uid for one in chosen] == [f"{ROOT}1.1"]
        assert found.strangers == 2  # another study, and a series of another study
        other, found = node.chosen(node.dicom(peer.port), [Day(day=date(2026, 1, 2))])
    assert (other, found.strangers, found.nothing_for) == ([], 2, [])


def test_an_answer_that_was_cut_off_is_said_to_be(node):
    """By the day that it was about."""
    with query_retrieve_peer([*HEAD, *CHEST], most_matches=1) as peer:
        chosen, found = node.chosen(node.dicom(peer.port), [FIRST_OF_JANUARY])
    assert len(chosen) == 1
    assert found.doubts == ["2026-01-01: the source ended its answer at 1 matches (its own limit)"]


def test_a_series_that_fails_does_not_end_the_others(node):
    """Each has its sentence; the statuses that an administrator can mend say how."""
    held = [*series_of(1, "Head"), *series_of(2, "Head"), *series_of(3, "Head")]
    fails = {f"{ROOT}1.1": 0xA702, f"{ROOT}2.1": 0xC001}
    with query_retrieve_peer(held, knows={"ICHNODE": node.port}, fails=fails) as peer:
        fetched = node.pull(node.dicom(peer.port), [FIRST_OF_JANUARY])
    assert [one.outcome for one in fetched] == [Outcome.FAILED, Outcome.FAILED, Outcome.PULLED]
    assert "0xA702" in fetched[0].detail
    assert "does `ich-node receive` run" in fetched[1].detail


def test_a_source_that_does_not_know_us_is_told_what_to_add(node):
    """0xA801: our AE title with host and port."""
    with query_retrieve_peer(HEAD) as peer:
        (fetched,) = node.pull(node.dicom(peer.port), [FIRST_OF_JANUARY])
    assert fetched.detail == (
        "the source answers C-MOVE with 0xA801: it does not know the move destination 'ICHNODE':"
        " add this AE title with this node's host and [scp] port to its configuration"
    )


def test_a_question_that_is_refused_is_explained(node):
    """The called AE title, the status of C-FIND, nobody there."""
    with query_retrieve_peer(HEAD, fails={f"{ROOT}1": 0xA900}) as peer:
        with pytest.raises(PeerUnavailable, match="0xA900: it does not understand our query"):
            node.chosen(node.dicom(peer.port), [OneStudy(uid=f"{ROOT}1")])
        with pytest.raises(PeerUnavailable, match="does not know the called AE title 'OTHER'"):
            node.chosen(node.dicom(peer.port, ae_title="OTHER"), [FIRST_OF_JANUARY])
    with pytest.raises(PeerUnavailable, match="nothing answers"):
        node.chosen(node.dicom(peer.port), [FIRST_OF_JANUARY])


def test_a_pull_that_is_ended_says_what_is_left(node):
    """By hand, after the running series; the next pull goes on there."""
    held = [*series_of(1, "Head"), *series_of(2, "Head")]
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 1

    with query_retrieve_peer(held, knows={"ICHNODE": node.port}) as peer:
        archive = node.dicom(peer.port)
        fetched = node.pull(archive, [FIRST_OF_JANUARY], wait)
        assert [one.outcome for one in fetched] == [Outcome.PULLED, Outcome.LEFT]
        assert waits == [0, 0.1]  # 600 a minute
        (last,) = node.pull(archive, [FIRST_OF_JANUARY])
    assert (last.outcome, last.chosen.series.uid) == (Outcome.PULLED, f"{ROOT}2.1")


def test_a_window_that_closes_meanwhile_ends_the_pull(node):
    """After the running series."""
    held = [*series_of(1, "Head"), *series_of(2, "Head")]
    node.clock.now = at(21)
    with query_retrieve_peer(held, knows={"ICHNODE": node.port}) as peer:
        archive = node.dicom(peer.port, window="20:00-22:00")
        peer.on_move = lambda: setattr(node.clock, "now", at(22))
        done, left = node.pull(archive, [FIRST_OF_JANUARY])
    assert (done.outcome, left.outcome) == (Outcome.PULLED, Outcome.LEFT)
    assert "the window of [sources.query] is 20:00 to 22:00, and it is 22:00" in left.detail


def test_a_drain_that_begins_meanwhile_ends_the_pull(node):
    """After the running series, as no association is taken any more; so does DICOMweb, which needs
    none.
    """
    held = [*series_of(1, "Head"), *series_of(2, "Head")]

    def drain() -> None:
        node.ledger.pauses.pause(RECEIVING, now=node.clock(), until=None, who="eva", why="drain")

    with query_retrieve_peer(held, knows={"ICHNODE": node.port}) as peer:
        peer.on_move = drain
        done, left = node.pull(node.dicom(peer.port), [FIRST_OF_JANUARY])
    assert (done.outcome, left.outcome, left.detail) == (Outcome.PULLED, Outcome.LEFT, DRAINED)
