"""The journal: found by what people look for, claimed in order, kept for its time."""

from datetime import timedelta

import pytest

from ich_node.ledger.audit import AuditSearch
from tests.support.ledger_examples import T0

MINUTE = timedelta(minutes=1)
STUDY = "1.2.826.0.1.3680043.10.1624.20.1001"


@pytest.fixture
def journal(ledger):
    for number, (who, action, target, study) in enumerate(
        [
            ("Ada", "sign in", "", None),
            ("Ada", "retry", "job 7", STUDY),
            ("Bob", "pause", "reading", None),
            ("Bob", "retry", "job 70", "1.2.3.4"),
            ("Ada", "pause", "reading", None),
        ],
        start=1,
    ):
        ledger.audit.record(
            at=T0 + number * MINUTE,
            who=who,
            address="10.1.2.3",
            action=action,
            target=target,
            study_instance_uid=study,
        )
    return ledger.audit


def ids(events):
    return [event.id for event in events]


def test_events_are_found_by_what_is_asked(journal):
    """The newest first; a job by its own number alone, a study by its UID."""
    for search, expected in [
        (AuditSearch(), [5, 4, 3, 2, 1]),
        (AuditSearch(who="Ada"), [5, 2, 1]),
        (AuditSearch(action="pause", who="Bob"), [3]),
        (AuditSearch(target="job 7"), [2]),
        (AuditSearch(target=STUDY), [2]),
        (AuditSearch(since=T0 + 2 * MINUTE, until=T0 + 4 * MINUTE), [3, 2]),
    ]:
        assert ids(journal.find(search, limit=50)) == expected
        assert ids(journal.every(search)) == expected
    assert ids(journal.find(AuditSearch(), limit=2)) == [5, 4]
    assert ids(journal.find(AuditSearch(), limit=2, before=4)) == [3, 2]
    assert journal.people() == ["Ada", "Bob"]
    assert journal.actions() == ["pause", "retry", "sign in"]


def test_claims_keep_the_order(journal):
    """While a claim is in force nobody gets a later event; it can be given back, or ends."""
    assert ids(journal.claim_unreported(now=T0, lease=MINUTE, limit=2)) == [1, 2]
    assert journal.claim_unreported(now=T0, lease=MINUTE, limit=2) == []
    journal.not_reported([1, 2])
    assert ids(journal.claim_unreported(now=T0, lease=MINUTE, limit=2)) == [1, 2]
    journal.reported([1, 2], now=T0)
    assert journal.unreported() == (3, T0 + 3 * MINUTE)
    assert ids(journal.claim_unreported(now=T0, lease=MINUTE, limit=2)) == [3, 4]
    assert ids(journal.claim_unreported(now=T0 + MINUTE, lease=MINUTE, limit=9)) == [3, 4, 5]


def test_old_events_are_removed_when_they_are_reported(journal):
    """Never one of which the repository has not heard."""
    journal.reported([1, 2, 4], now=T0)
    assert journal.prune(before=T0 + 4 * MINUTE, limit=1) == 1
    assert journal.prune(before=T0 + 4 * MINUTE, limit=9) == 1
    assert ids(journal.find(AuditSearch(), limit=9)) == [5, 4, 3]
    assert journal.report_none(now=T0) == 2
    assert journal.unreported() == (0, None)
    assert journal.prune(before=T0 + 60 * MINUTE, limit=9) == 3
