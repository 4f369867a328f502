"""What came of the results: delivered, listed by the PACS, and the words for what did not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ich_node.commission.arrival import Patience
from ich_node.commission.checks import CheckOutcome, CheckPart, CommissioningCheck
from ich_node.commission.record import ObjectSent, Record, Records
from ich_node.commission.report import report_of
from ich_node.commission.results import check_deliveries, check_listing, check_reading
from ich_node.config.load import load_config
from ich_node.ledger import JobState
from tests.commission.conftest import Configure
from tests.support.node import Node, open_node
from tests.support.peers import free_port
from tests.support.query_retrieve import query_retrieve_peer
from tests.support.results import ROOT, give_results, result_object

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sent(count: int, *, state: str = "sent", detail: str = "") -> list[ObjectSent]:
    return [
        ObjectSent(
            destination="pacs",
            kind="sr" if index == 0 else "key_objects",
            sop_instance_uid=f"{ROOT}1.{index + 1}",
            state=state,
            sent_at=NOW,
            seconds=2.0 + index,
            detail=detail,
        )
        for index in range(count)
    ]


def at_once() -> Patience:
    """Asks once."""
    return Patience(seconds=0)


def test_a_pacs_that_loses_an_object(configure: Configure) -> None:
    """It took three with Success, and lists two."""
    with query_retrieve_peer([result_object(index) for index in range(2)]) as peer:
        config = load_config(configure(free_port(), query_port=peer.port)).config
        listing = check_listing(config, sent(3), f"{ROOT}1", query=None, patience=at_once)
        (check,) = listing.checks
        assert check.outcome is CheckOutcome.FAILED
        assert check.sentence.startswith("1 of 3 objects that it took are not in its answer")
        assert check.sentence.endswith("key objects.")
        assert listing.listed["pacs"] == {f"{ROOT}1.1", f"{ROOT}1.2"}
        whole = check_listing(config, sent(2), f"{ROOT}1", query="pacs", patience=at_once)
        assert [each.outcome for each in whole.checks] == [CheckOutcome.PASSED]


def test_a_pacs_that_lists_late(configure: Configure) -> None:
    """It is asked until all are there."""
    held = [result_object(0)]
    with query_retrieve_peer(held) as peer:
        config = load_config(configure(free_port(), query_port=peer.port)).config
        patience = Patience(seconds=60, sleep=lambda _: held.append(result_object(1)))
        listing = check_listing(config, sent(2), f"{ROOT}1", query=None, patience=lambda: patience)
    assert [each.outcome for each in listing.checks] == [CheckOutcome.PASSED]


def test_a_pacs_that_cannot_be_asked(configure: Configure) -> None:
    config = load_config(configure(free_port())).config
    (check,) = check_listing(config, sent(1), f"{ROOT}1", query=None).checks
    assert (check.outcome, "[sources.query]" in check.remedy) == (CheckOutcome.NOT_TRIED, True)
    config = load_config(configure(free_port(), query_port=free_port())).config
    (check,) = check_listing(config, sent(1), f"{ROOT}1", query=None).checks
    assert (check.outcome, "nothing answers" in check.sentence) == (CheckOutcome.FAILED, True)


@pytest.fixture
def node(tmp_path: Path):
    with open_node(tmp_path, Node) as opened:
        give_results(opened.ledger, opened.spool, [result_object(0)], ("pacs",), opened.clock.now)
        yield opened


def test_what_is_not_delivered_is_told_with_the_reason(node: Node, configure: Configure) -> None:
    more = '[[destinations]]\nname = "other"\nae_title = "B"\nhost = "127.0.0.1"\nport = 1\n'
    more += 'sources = ["pacs"]'
    config = load_config(configure(1, more=more)).config
    objects = sent(2, state="pending", detail="nothing answers")
    first, second = check_deliveries(config, node.job, objects)
    assert (first.outcome, first.sentence) == (CheckOutcome.FAILED, "0 of 2. nothing answers")
    assert (second.outcome, second.sentence) == (
        CheckOutcome.NOT_TRIED,
        "nothing of this phantom is for it: it gets no results of the source ct.",
    )
    done, _ = check_deliveries(config, node.job, sent(2))
    assert done.sentence == "2 of 2, the last 3.0 s after the last slice."


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (JobState.REFUSED, "not analysed: site_rule. no phantoms"),
        (JobState.HELD, "held by the rule night"),
        (JobState.FAILED, "no phantoms"),
        (JobState.CANCELLED, "cancelled by hand"),
        (JobState.SET_ASIDE, "another series of this study is read"),
        (JobState.WAITING, "is waiting after 3 min"),
        (JobState.READING, "is reading after 3 min"),
    ],
)
def test_a_phantom_without_an_answer(node: Node, state: JobState, words: str) -> None:
    job = replace(
        node.job, state=state, answer=None, reason="site_rule", detail="no phantoms", rule="night"
    )
    check = check_reading(job, None, minutes=3)
    assert check.outcome is CheckOutcome.FAILED
    assert words in check.sentence


def record_of(**fields: object) -> Record:
    given = {
        "run": "20260101-120000-abcd",
        "started_at": NOW,
        "who": "<script>alert(1)</script>",
        "host": "vm",
        "version": "1",
        "config_path": "/etc/c.toml",
        "own_ae_title": "ICHNODE",
        "way": "direct",
        "route": "",
        "patient_name": "ICH^PHANTOM",
        "patient_id": "X",
        "accession": "",
        "until": NOW + timedelta(minutes=5),
        **fields,
    }
    return Record(**given)  # type: ignore[arg-type]


def test_a_report_of_a_script_runs_none() -> None:
    check = CommissioningCheck(
        part=CheckPart.RESULTS, outcome=CheckOutcome.FAILED, title="T", sentence="see `<b>`"
    )
    html = report_of(record_of(ended_at=NOW, checks=[check], objects=sent(1)))
    assert "<script" not in html
    assert "see <code>&lt;b&gt;</code>" in html
    assert "NOT PASSED" in html
    assert "not asked" in html


def test_records_are_kept_and_swept(tmp_path: Path) -> None:
    """A name from outside opens no other file."""
    records = Records(tmp_path)
    assert records.newest() == []
    record = record_of(ended_at=NOW)
    records.save(record)
    records.save_report(record.run, "<p>")
    assert records.newest() == [record]
    (tmp_path / "commissioning" / "20260101-120001-abcd.json").write_text("{")
    assert records.newest() == [record]
    assert records.get("../ledger") is None
    assert records.report("..%2fledger") is None
    assert records.remove_older(NOW) == 0
    assert records.remove_older(datetime.now(UTC) + timedelta(days=1)) == 3
    assert records.newest() == []


def test_a_run_whose_process_was_killed(tmp_path: Path) -> None:
    record = record_of()
    assert record.goes_on(NOW)
    assert not record.goes_on(NOW + timedelta(minutes=6))
    assert not record.has_passed
