"""deliveries, jobs resend, pause, resume, drain: what an administrator types and reads."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from ich_node.cli.pauses import wait_until_empty
from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState, Ledger
from ich_node.ledger.pauses import RECEIVING
from ich_node.times import ahead
from tests.documents.states.owed import state
from tests.support.command_line import Ran, ich_node
from tests.support.ledger_examples import LEASE
from tests.support.node import opened_ledger

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Four jobs for the PACS: 4 objects delivered, 6 given up, 8 and 10 that wait."""
    monkeypatch.setenv("COLUMNS", "80")
    with state(tmp_path) as path:
        yield path


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same, for commands that change nothing."""
    with state(tmp_path_factory.mktemp("node")) as path:
        yield path


@pytest.fixture
def ledger(config: Path) -> Iterator[Ledger]:
    with opened_ledger(f"sqlite:///{config.parent}/ledger.sqlite") as opened:
        yield opened


def said(ran: Ran, exit_code: int = 0) -> str:
    assert ran.exit_code == exit_code, ran.stderr
    return ran.stderr if exit_code else ran.stdout


def test_the_list_fits_80_columns_and_says_what_it_left_out(config: Path, ledger: Ledger) -> None:
    """One line for each job and destination; long errors are shortened."""
    held = {"owner": "s", "now": datetime.now(UTC) + HOUR}
    (first, *_) = ledger.delivery.claim_deliveries(**held, lease=LEASE, limit=1)
    ledger.delivery.postpone(
        [first.id], **held, next_at=held["now"], detail="the peer refuses\n" + 9 * "the object "
    )
    printed = said(ich_node("deliveries", "list", "--limit", 2, config=config)).splitlines()
    assert len(printed) == 4
    assert all(len(line) <= 80 for line in printed)
    assert printed[2].endswith("…")
    assert printed[3] == "24 objects are owed; 1 of 3 lines are left out: --limit 3 shows all"


def test_what_is_listed(looked_at: Path) -> None:
    """By state and by age, for people and for scripts."""
    old = said(ich_node("deliveries", "list", "--pending", "--older-than", "4h", config=looked_at))
    assert [line.split()[0] for line in old.splitlines()] == ["job", "3", "8"]
    made = json.loads(said(ich_node("deliveries", "list", "--failed", "--json", config=looked_at)))
    assert (made["lines"], made["objects"], made["deliveries"][0]["state"]) == (1, 6, "FAILED")
    table = said(ich_node("deliveries", "list", "--csv", "--destination", "pacs", config=looked_at))
    rows = list(csv.DictReader(StringIO(table)))
    assert [(row["job_id"], row["objects"]) for row in rows] == [
        ("2", "6"),
        ("3", "8"),
        ("4", "10"),
    ]
    nothing = ich_node("deliveries", "list", "--destination", "viewer", config=looked_at)
    assert said(nothing) == "nothing is owed\n"


def test_a_job_has_a_line_for_each_try(config: Path, ledger: Ledger) -> None:
    """However many objects it has, and though each is delivered in a moment of its own."""
    held = {"owner": "s", "now": datetime.now(UTC) + HOUR}
    for delivery in ledger.delivery.claim_deliveries(**held, lease=LEASE, limit=10):
        ledger.delivery.delivered([delivery.id], **held)
    shown = said(ich_node("jobs", "show", 3, config=config)).splitlines()
    assert [line for line in shown if line.startswith("to ")] == [
        "to pacs: 8 objects sent, 2 tries"
    ]
    assert [line.partition("Z  ")[2] for line in shown[-2:]] == [
        "delivery postponed: 8 objects, pacs: nothing answers at 10.0.0.7:11112",
        "delivered: 8 objects, pacs",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("deliveries list --destination pasc", "did you mean 'pacs'? there are: pacs"),
        ("deliveries list --failed --pending", "give --failed or --pending, not both"),
        ("deliveries list --older-than 1m", "--older-than '1m' is not a time: did you mean 1min"),
        ("deliveries retry", "say what to deliver: JOB..., --destination NAME or --all-failed"),
        ("deliveries retry 9", "there is no job '9': it is no number (up to 4), accession"),
        ("deliveries cancel", "say what to cancel: JOB..., or --destination NAME"),
        ("jobs resend 1 --destination PACS", "did you mean 'pacs'?"),
        ("pause readin", "did you mean 'reading'? there are: reading, pacs, viewer"),
        ("pause receiving", "receiving is stopped by `ich-node drain`"),
        ("pause reading --until 2020-01-01", "--until '2020-01-01' is over"),
        ("resume pcas", "did you mean 'pacs'?"),
    ],
)
def test_a_mistake_is_named_with_what_was_meant(looked_at: Path, words: str, sentence: str) -> None:
    """Exit code 2, and nothing changes."""
    assert sentence in said(ich_node(*words.split(), config=looked_at), exit_code=2)


def test_retry_and_cancel_say_how_many_objects(
    config: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being sent now is not cancelled; done twice, there is nothing left to do."""
    retried = ich_node("deliveries", "retry", "--all-failed", config=config)
    assert said(retried) == "6 objects to pacs will be delivered now\n"
    assert said(ich_node("deliveries", "retry", "--all-failed", config=config)) == (
        "nothing was given up\n"
    )
    ledger.delivery.claim_deliveries(owner="s", now=datetime.now(UTC), lease=HOUR, limit=2)
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    asked = ich_node("deliveries", "cancel", "2", config=config)
    assert asked.exit_code == 1
    assert "4 objects to pacs will never be delivered. Cancel? [y/N]" in asked.stdout
    cancelled = ich_node("deliveries", "cancel", "2", "--yes", config=config)
    assert said(cancelled).splitlines() == [
        "2 objects to pacs are being sent now and cannot be cancelled",
        "4 objects to pacs: cancelled",
    ]
    states = [each.state for each in ledger.operator.deliveries(2)]
    assert states == [DeliveryState.SENDING] * 2 + [DeliveryState.CANCELLED] * 4


def test_resend_says_what_becomes_of_each_job(config: Path) -> None:
    """Exit code 1 if nothing could be sent."""
    resent = ich_node("jobs", "resend", 1, 3, config=config)
    assert said(resent).splitlines() == [
        "job 1: 4 objects to pacs",
        "job 3: 8 not delivered yet; `ich-node deliveries retry 3` sends now",
        "4 objects are sent again",
    ]
    nothing = ich_node("jobs", "resend", 3, config=config)
    assert (nothing.exit_code, nothing.stdout.splitlines()[-1]) == (1, "0 objects are sent again")


def test_pauses_are_shown_until_they_are_resumed(config: Path) -> None:
    """By the command itself, by `jobs list`, and by what is retried in vain."""
    paused = said(ich_node("pause", "pacs", "--why", "new disks", config=config))
    assert paused.startswith("paused: sending to pacs, since ")
    assert paused.endswith(": new disks\n")
    assert paused in said(ich_node("jobs", "list", config=config))
    assert "pacs is paused: it gets nothing before `ich-node resume pacs`" in said(
        ich_node("deliveries", "retry", "3", config=config)
    )
    assert " paused " in said(ich_node("deliveries", "list", config=config))
    assert said(ich_node("resume", config=config)) == "sending to pacs goes on\n"
    assert said(ich_node("resume", config=config)) == "nothing is paused\n"
    assert said(ich_node("resume", "pacs", config=config)) == "pacs is not paused\n"


def test_when_a_pause_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A length counts from now; a time of day is the next one; what is over is a mistake."""
    assert ahead("2h", now=NOW) == NOW + 2 * HOUR
    assert ahead("30min", now=NOW) == NOW + HOUR / 2
    for clock_time in ("06:00", "18:00"):
        end = ahead(clock_time, now=NOW)
        assert NOW < end <= NOW + 24 * HOUR
        assert f"{end.astimezone():%H:%M}" == clock_time
    assert ahead("2026-03-02 14:00Z", now=NOW) == NOW + 26 * HOUR
    with pytest.raises(ConfigError, match="--until 'yesterday' is over"):
        ahead("yesterday", now=NOW)


def test_drain_waits_for_the_last_object(config: Path, ledger: Ledger, capsys) -> None:
    """It says what still waits whenever that changes, and that the node is empty only when no
    association is open.
    """
    began = datetime.now(UTC)
    ledger.pauses.pause(RECEIVING, now=began, until=None, who="ann", why="")
    clock = [began]

    def wait(seconds: float) -> None:
        clock[0] += timedelta(seconds=1)
        passed = (clock[0] - began).total_seconds()
        if passed == 2:
            ledger.pauses.still_receiving(until=began + timedelta(seconds=6))
            ich_node("deliveries", "cancel", "--destination", "pacs", "--yes", config=config)

    def drained(seconds: float) -> bool:
        until = began + timedelta(seconds=seconds)
        return wait_until_empty(ledger, clock=lambda: clock[0], wait=wait, until=until)

    assert not drained(1)
    assert drained(60)
    assert clock[0] == began + timedelta(seconds=6)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith(("waits", "not empty", "empty"))] == [
        "waits: 18 objects to pacs",
        "not empty after the timeout: 18 objects to pacs",
        "waits: 18 objects to pacs",
        "waits: associations are open",
        "empty: nothing waits",
    ]
    ledger.pauses.resume([RECEIVING], now=clock[0], who="ann")
    assert not drained(60)


def test_a_drain_is_kept_and_can_be_repeated(config: Path, ledger: Ledger) -> None:
    """Exit code 1 with what waits; the second command keeps the beginning of the first."""
    for _ in range(2):
        ran = ich_node("drain", "--timeout", "0s", config=config)
        assert ran.exit_code == 1
        assert "not empty after the timeout: 18 objects to pacs" in ran.stdout
    (pause,) = ledger.pauses.in_force(datetime.now(UTC))
    assert pause.target == RECEIVING
    assert said(ich_node("resume", config=config)) == "receiving goes on\n"


def test_a_destination_gets_only_what_its_sources_send(config: Path) -> None:
    """Also what is sent again: the series came from ct, the viewer gets what mr sends."""
    routed = config.read_text(encoding="utf-8").replace(
        'name = "viewer"', 'name = "viewer"\nsources = ["mr"]'
    )
    sources = "".join(
        f'[[sources]]\nname = "{name}"\nae_title = "{name.upper()}"\n' for name in ("ct", "mr")
    )
    hook = (
        '[[destinations]]\nname = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
        'secret_file = "secret"\n'
    )
    config.write_text(f"{routed}{sources}{hook}", encoding="utf-8")
    refused = ich_node("jobs", "resend", 1, "--destination", "viewer", config=config)
    assert refused.exit_code == 1
    assert refused.stdout.startswith("job 1: viewer does not get what its sources send\n")
    assert "a message is made" in said(
        ich_node("jobs", "resend", 1, "--destination", "hook", config=config), exit_code=2
    )
    assert "4 objects to pacs" in said(ich_node("jobs", "resend", 1, config=config))
