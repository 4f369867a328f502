"""Which series the node has, for a pull."""

from ich_node.ledger import JobState, SeriesHere
from tests.support.ledger_examples import LEASE, SECOND, T0, add, claim, finish

STUDY, SERIES = "2.25.9", "2.25.1"


def test_each_object_of_a_series_counts_once(ledger):
    """Other bytes under a known UID are no other image, a late one is; a series of the same UID in
    another study is another one.
    """
    pull = ledger.pull
    assert pull.series_here(STUDY, SERIES) is None
    for number in (1, 2):
        add(ledger, number)
    add(ledger, 2, data="again")
    assert pull.series_here(STUDY, SERIES) == SeriesHere(
        job_id=1, state=JobState.WAITING, objects=2
    )
    finish(ledger, claim(ledger))
    add(ledger, 3, at=T0 + 100 * SECOND)
    here = pull.series_here(STUDY, SERIES)
    assert here == SeriesHere(job_id=2, state=JobState.WAITING, objects=3)
    assert pull.series_here("2.25.8", SERIES) is None
    pull.note_pulled(here, source="pacs", who="admin", now=T0 + 200 * SECOND)
    assert ledger.operator.events(2)[-1].detail == "3 objects from pacs, by admin"


def test_a_series_whose_files_were_removed_is_still_known(ledger):
    """It was read, and is not fetched again. A cancelled one can only be sent again."""
    for series in (SERIES, "2.25.2"):
        for number in (1, 2):
            add(ledger, number, series=series)
    finish(ledger, claim(ledger))
    ledger.operator.cancel(2, now=T0 + SECOND)
    later = T0 + 1000 * SECOND
    for delivery in ledger.delivery.claim_deliveries(owner="o", now=later, lease=LEASE, limit=9):
        ledger.delivery.delivered([delivery.id], owner="o", now=later)
    swept_at = later + 1000 * SECOND
    ledger.maintenance.sweep_series(idle_since=swept_at, failed_too=True, limit=9, now=swept_at)
    assert ledger.operator.instances(ledger.operator.get(1)) == []
    here = ledger.pull.series_here(STUDY, SERIES)
    assert here == SeriesHere(job_id=1, state=JobState.DONE, objects=2)
    assert ledger.pull.series_here("2.25.2.9", "2.25.2") is None
