"""`ich-node commission` as whoever brings a node into a hospital sees it."""

import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ich_node.commission.record import Record, Records
from ich_node.ledger.counts import ASSOCIATIONS, key_of
from tests.commission.conftest import Configure
from tests.support.command_line import Ran, ich_node
from tests.support.peers import CT, free_port, pacs
from tests.support.query_retrieve import query_retrieve_peer


def commission(config: Path, *arguments: object) -> tuple[Ran, str, Record]:
    """How it ended, the words it printed in one line, and its record."""
    report = config.parent / f"report-{len(list(config.parent.glob('report-*')))}.html"
    ran = ich_node("commission", "--out", report, *arguments, config=config)
    folder = str(config.parent)
    assert all(len(line) <= 80 or folder in line for line in ran.stdout.splitlines())
    (record, *_) = Records(config.parent / "spool").newest()
    assert report.read_bytes() == Records(config.parent / "spool").report(record.run)
    return ran, re.sub(r"\s+", " ", ran.stdout), record


def failed(record: Record) -> list[str]:
    return [check.title for check in record.failed]


def test_a_node_that_was_never_started(configure: Configure) -> None:
    """No ledger, nobody listens, the PACS is down: all of it is said, and there is a report."""
    port = free_port()
    config = configure(port)
    ran, words, record = commission(config)
    assert ran.exit_code == 1
    assert "FAILED Ledger: there is no ledger" in words
    assert "Start the services: `ich-node run`" in words
    assert f"nothing answers at 127.0.0.1:{port}" in words
    assert "- Phantom sent: there is no ledger." in words
    assert failed(record) == [
        "Ledger",
        "Destination pacs",
        "Own listener",
    ]
    assert record.study_instance_uid == ""
    assert not (config.parent / "ledger.sqlite").exists()
    assert "NOT PASSED" in words


def test_services_that_do_not_run_are_named(configure: Configure, ledger_with_services) -> None:
    ledger_with_services.heartbeats.end(host="here", service="analyse", pid=1)
    with pacs() as peer:
        ran, words, record = commission(configure(peer.port))
        assert ran.exit_code == 1
        assert "FAILED Service analyse: does not run." in words
        assert "Phantom sent: these services do not run: analyse." in words
        assert failed(record) == ["Service analyse", "Own listener"]
        assert peer.received == []


def test_a_source_that_does_not_admit_this_host(
    configure: Configure, ledger_with_services, small_head
) -> None:
    with pacs() as peer:
        config = configure(peer.port, hosts='["10.1.2.3"]')
        ran, words, record = commission(config)
    assert ran.exit_code == 1
    assert "no source admits this host (127.0.0.1)" in words
    assert "`--through DESTINATION`" in words
    assert "Phantom sent" in failed(record)


def test_a_route_that_does_not_come_back(
    configure: Configure, ledger_with_services, small_head
) -> None:
    """The PACS takes the phantom. Meanwhile the listener rejects somebody, which is a hint."""
    counted = threading.Event()

    def count(_: object) -> None:
        if not counted.is_set():
            counted.set()
            key = key_of(ASSOCIATIONS, result="rejected", reason="calling_ae", source="unknown")
            ledger_with_services.counts.add({key: 2})

    with pacs() as peer:
        peer.on_store = count
        config = configure(peer.port)
        ran, words, record = commission(config, "--through", "pacs", "--minutes", "0.05")
    assert ran.exit_code == 1
    assert "Phantom arrived" in failed(record)
    assert "... waits for the phantom, at most 0.05 min" in words
    assert "has not sent it here within 0.05 min" in words
    assert "rejected 2 associations: calling ae (unknown)" in words
    assert "auto-routing has no rule" in words
    uids = {str(ds.StudyInstanceUID) for ds in peer.received}
    assert uids == {record.study_instance_uid}
    assert {str(ds.PatientName) for ds in peer.received} == {"ICH^PHANTOM"}
    assert all(ds.SOPClassUID == CT for ds in peer.received)
    assert peer.received[0].StudyDate == datetime.now(UTC).astimezone().strftime("%Y%m%d")


def test_a_folder_for_whoever_sends_it_by_hand(
    configure: Configure, ledger_with_services, small_head, tmp_path: Path
) -> None:
    with pacs() as peer:
        config = configure(peer.port)
        folder = tmp_path / "phantom"
        given = ("--folder", folder, "--minutes", "0.05", "--accession", "ACC1")
        ran, words, record = commission(config, *given)
        assert (ran.exit_code, "nothing arrived within" in words) == (1, True)
        assert record.accession == "ACC1"
        assert len(list(folder.glob("*.dcm"))) > 3
        again = ich_node("commission", *given, config=config)
        assert again.exit_code == 2
        assert "it is not empty" in again.stderr


def test_who_is_there_without_a_phantom(configure: Configure, ledger_with_services) -> None:
    """Works twice. A PACS that takes no echo is told as such."""
    with pacs() as peer, query_retrieve_peer([]) as queried:
        config = configure(peer.port, query_port=queried.port)
        for _ in range(2):
            _, words, record = commission(config, "--no-phantom")
            assert f"ok Destination pacs: PACS at 127.0.0.1:{peer.port} answers C-ECHO" in words
            assert "answers a query for a study" in words
            assert failed(record) == ["Own listener"]
    assert len({each.run for each in Records(config.parent / "spool").newest()}) == 2
    with pacs(verification=False) as peer:
        _, words, record = commission(configure(peer.port), "--no-phantom")
    assert "accepts the association but none of what we propose" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "pacz"), "did you mean 'pacs'?"),
        (("--through", "pac"), "did you mean 'pacs'?"),
        (("--query", "pacs"), "has no [sources.query]"),
        (("--through", "pacs", "--source", "pacs"), "one way at a time"),
        (("--accession", "A" * 17), "at most 16"),
        (("--patient-id", "a\\b"), "no backslash"),
        (("--out", "nowhere/report.html"), "there is no folder nowhere"),
    ],
)
def test_a_wish_that_cannot_be(configure: Configure, arguments, words: str) -> None:
    """Exit code 2, before anything is asked or kept."""
    config = configure(free_port())
    ran = ich_node("commission", *arguments, config=config)
    assert ran.exit_code == 2, ran.stdout
    assert words in ran.stderr
    assert Records(config.parent / "spool").newest() == []


def test_a_report_is_never_overwritten(configure: Configure, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("mine")
    ran = ich_node("commission", "--out", report, config=configure(free_port()))
    assert ran.exit_code == 2
    assert "is not overwritten" in ran.stderr
    assert report.read_text() == "mine"


def test_a_folder_that_may_not_be_written(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root's home is for the user of the services: the report is the one that the node keeps,
    and a --out there is refused before anything is asked.
    """
    config = configure(free_port())
    monkeypatch.chdir(tmp_path)
    real = os.access
    monkeypatch.setattr("os.access", lambda path, mode: real(path, mode) and Path(path).is_file())
    before = set(tmp_path.glob("*.html"))
    ran = ich_node("commission", "--no-phantom", config=config)
    assert str(config.parent / "spool") in ran.stdout.replace("\n", ""), ran.stdout
    assert set(tmp_path.glob("*.html")) == before
    refused = ich_node("commission", "--no-phantom", "--out", tmp_path / "r.html", config=config)
    assert refused.exit_code == 2
    assert "may not write into" in refused.stderr
