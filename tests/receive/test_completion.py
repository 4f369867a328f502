"""When a series is complete."""

from datetime import timedelta
from typing import Any, Literal

import pytest

from ich_node.config.settings import Source, StudySettings
from ich_node.ledger import JobState
from tests.support.heads import head_series, head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, store
from tests.support.peers import associated, wait_until
from tests.support.standing_clock import START

LEASE = timedelta(minutes=1)
QUIET = timedelta(seconds=20)


def only_job(node: ListeningNode) -> Any:
    (job,) = node.ledger.operator.list()
    return job


def released(node: ListeningNode) -> bool:
    """The release of the last association has reached the ledger: the wait is no longer the one of
    an open association.
    """
    return all(
        job.ready_at - node.clock.now < timedelta(seconds=60) for job in node.ledger.operator.list()
    )


def test_an_open_association_keeps_its_series_waiting(node: ListeningNode) -> None:
    """While the sender is connected, the series is not ready before it could have been silent too
    long and quiet after that.
    """
    with associated(node.port, contexts=EXPLICIT) as assoc:
        assoc.send_c_store(head_slice(0))
        assert only_job(node).ready_at == START + timedelta(seconds=60 + 20)


def test_a_whole_head_of_one_association_is_read_at_once(node: ListeningNode) -> None:
    """Released, geometrically complete, and no other association brought any of it: ready now."""
    store(node, *head_series(16))
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START


def test_a_whole_head_of_several_associations_waits_the_grace_time(node: ListeningNode) -> None:
    """Who sends each object by itself may send another one: ready after grace_seconds."""
    slices = head_series(16)
    store(node, *slices[:4])
    wait_until(lambda: released(node), what="the first release")
    store(node, *slices[4:])
    wait_until(
        lambda: only_job(node).ready_at == START + timedelta(seconds=5), what="the second release"
    )


def test_a_slice_after_a_whole_head_makes_a_new_revision(node: ListeningNode) -> None:
    """Read at once and then completed: both are read, the second time all of it."""
    slices = head_series(17)
    store(node, *slices[:-1])
    wait_until(lambda: released(node), what="the release")
    assert node.ledger.reading.claim(owner="a", now=START, lease=LEASE, max_attempts=3) is not None
    store(node, slices[-1])
    newest = node.ledger.operator.list()[0]
    assert (newest.revision, len(node.ledger.operator.instances(newest))) == (2, 17)


def test_a_stack_with_a_gap_waits_the_quiet_time(node: ListeningNode) -> None:
    """Released with a slice missing: ready after quiet_seconds, so that it may still come."""
    store(node, *[ds for index, ds in enumerate(head_series(16)) if index != 7])
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=20)


def test_a_source_may_have_its_own_quiet_time(start_node: StartNode) -> None:
    """quiet_seconds of the source goes over that of [series]."""
    node = start_node(sources=(Source(name="slow", ae_title="CT1", quiet_seconds=45),))
    store(node, head_slice(0))
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=45)


def test_an_aborted_association_is_not_trusted(node: ListeningNode) -> None:
    """After an abort even a complete stack waits the quiet time; what was acknowledged stays."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        for ds in head_series(16):
            assoc.send_c_store(ds)
        assoc.abort()
    wait_until(lambda: released(node), what="the abort")
    assert only_job(node).ready_at == START + timedelta(seconds=20)
    assert len(node.ledger.operator.instances(only_job(node))) == 16


def test_a_broken_transfer_is_known_until_the_series_is_sent_again(node: ListeningNode) -> None:
    """The sender breaks off and comes back with all of it; that it had arrived already is no
    matter.
    """
    slices = head_series(16)
    with associated(node.port, contexts=EXPLICIT) as assoc:
        for ds in slices:
            assoc.send_c_store(ds)
        assoc.abort()
    wait_until(lambda: only_job(node).transfer_aborted, what="the abort")
    store(node, *slices)
    wait_until(lambda: not only_job(node).transfer_aborted, what="the release")
    assert only_job(node).ready_at == START


def test_a_sender_that_never_releases_has_not_broken_off(node: ListeningNode) -> None:
    """A complete stack, and then silence until the association is ended for it."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        for ds in head_series(16):
            assoc.send_c_store(ds)
        node.clock.now += timedelta(minutes=2)
        assoc.abort()
    wait_until(lambda: only_job(node).ready_at == node.clock.now + QUIET, what="the abort")
    assert not only_job(node).transfer_aborted


@pytest.mark.parametrize(("reconstructions", "seconds"), [("best", 7), ("all", 0)])
def test_a_complete_series_waits_for_a_better_reconstruction(
    start_node: StartNode, reconstructions: Literal["best", "all"], seconds: float
) -> None:
    """[study] wait_seconds; where all reconstructions are read, there is nothing to wait for."""
    node = start_node(study=StudySettings(wait_seconds=7, reconstructions=reconstructions))
    store(node, *head_series(16))
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=seconds)


def test_another_open_association_with_the_series_holds_it(node: ListeningNode) -> None:
    """Two associations carry one series: the first one's release shortens nothing, the second one's
    does.
    """
    slices = head_series(16)
    with associated(node.port, contexts=EXPLICIT) as second:
        second.send_c_store(slices[0])
        store(node, *slices[1:])
        marker = head_slice(0, SeriesInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.9.1")
        store(node, marker)
        quiet_over = START + timedelta(seconds=20)
        wait_until(
            lambda: any(job.ready_at == quiet_over for job in node.ledger.operator.list()),
            what="the marker's release",
        )
        series = [
            job for job in node.ledger.operator.list() if job.series_instance_uid != "1.2.3.9"
        ]
        assert series[0].ready_at == START + timedelta(seconds=80)
    wait_until(lambda: released(node), what="the release of the second")
    assert node.ledger.operator.list(limit=9)[-1].ready_at == START + timedelta(seconds=5)


def test_a_late_slice_opens_a_new_revision(node: ListeningNode) -> None:
    """What comes after the series was claimed is a new revision of all its objects."""
    slices = head_series(12)
    store(node, *slices[:-1])
    wait_until(lambda: released(node), what="the release")
    assert (
        node.ledger.reading.claim(
            owner="a", now=START + timedelta(minutes=1), lease=LEASE, max_attempts=3
        )
        is not None
    )
    store(node, slices[-1])
    newest = node.ledger.operator.list()[0]
    assert (newest.revision, newest.state, len(node.ledger.operator.instances(newest))) == (
        2,
        JobState.WAITING,
        12,
    )
