"""Once an hour the scores are compared with those before."""

import pytest

from ich_node.health.drift import DriftTask
from ich_node.ledger.measurements import DRIFT
from tests.support.ledger_examples import SECOND, T0
from tests.support.node import opened_ledger
from tests.support.scored import add_scores

DAY = 86_400 * SECOND
BUNDLE = "b" * 64
LOW = [0.1 + 0.002 * number for number in range(40)]
HIGH = [0.5 + 0.002 * number for number in range(40)]
NOW = T0 + 60 * DAY


@pytest.fixture
def ledger(tmp_path):
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


def read(ledger, *, first):
    add_scores(
        ledger,
        [*LOW, *HIGH],
        bundle_sha256=BUNDLE,
        threshold=0.9,
        first=first,
        step=0.75 * DAY,
    )


def compared(ledger, *, at=NOW, references=None):
    assert DriftTask(ledger=ledger, references=lambda: references or {}).run(at) == 0
    return ledger.measurements.newest(DRIFT)


def test_scores_that_moved(ledger):
    """Those of the last 30 days are higher; since when that has been so stays known."""
    read(ledger, first=NOW - 60 * DAY)
    found = compared(ledger)
    facts = dict(found.facts)
    assert (facts["has_drifted"], facts["way"], facts["bundle_sha256"]) == (True, "higher", BUNDLE)
    assert facts["median_recent"] > facts["median_earlier"]
    later = compared(ledger, at=NOW + SECOND)
    assert (later.at, later.facts["since"]) == (NOW + SECOND, NOW.isoformat())


def test_bundle_with_scores_of_its_own(ledger):
    """They are the reference, as for `ich-node statistics`."""
    read(ledger, first=NOW - 60 * DAY)
    found = compared(ledger, references={BUNDLE: (*HIGH, 0.9)})
    assert (found.facts["has_drifted"], found.facts["series_before"]) == (False, len(HIGH) + 1)


def test_too_few_series(ledger):
    found = compared(ledger)
    assert (found.facts["has_drifted"], found.facts["shift"], found.facts["series"]) == (
        False,
        None,
        0,
    )
