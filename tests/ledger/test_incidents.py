"""Incidents open, go on and end; each alert hears of each once, however many processes tell."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ich_node.ledger import Ledger, open_ledger
from tests.support.standing_clock import START

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A trouble that is there."""

    kind: str = "destination_down"
    subject: str = "pacs"
    since: Any = START
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Alerted:
    """One process that tells the alert "it"."""

    ledger: Ledger
    owner: str = "me"
    settings: dict[str, Any] = field(
        default_factory=lambda: {"kinds": (), "every": 10 * MINUTE, "lease": 2 * MINUTE}
    )

    def claim(self, now, **settings):
        asked = {**self.settings, **settings}
        return self.ledger.notices.claim("it", owner=self.owner, now=now, **asked)

    def hear(self, now, **settings):
        """The subjects that begin, end and have passed; None: nothing is told."""
        news = self.claim(now, **settings)
        if news is None:
            return None
        self.ledger.notices.told("it", news, owner=self.owner, now=now)
        return [
            [incident.subject for incident in group]
            for group in (news.begun, news.ended, news.passed)
        ]


@pytest.fixture
def told(ledger):
    return Alerted(ledger=ledger)


def note(ledger, *seen, minute: float) -> tuple[list[str], list[str]]:
    """The subjects of incidents that began, and that ended."""
    noted = ledger.incidents.note(seen, now=at(minute))
    return [each.subject for each in noted.begun], [each.subject for each in noted.ended]


def at(minutes: float):
    return START + minutes * MINUTE


def test_a_trouble_is_one_incident_from_its_beginning_to_its_end(ledger):
    """However often it is seen; its facts are the newest. It ends where it was last seen."""
    ris = Seen(subject="ris")
    assert note(ledger, minute=0) == ([], [])
    assert note(ledger, Seen(facts={"n": 1}), ris, minute=1) == (["pacs", "ris"], [])
    assert note(ledger, Seen(facts={"n": 2}), ris, minute=2) == ([], [])
    assert note(ledger, ris, minute=2.5) == ([], []), "another host may see it"
    assert note(ledger, ris, minute=3) == ([], ["pacs"])
    (pacs,) = ledger.incidents.ended(limit=9)
    assert (pacs.subject, pacs.facts, pacs.began_at, pacs.ended_at) == (
        "pacs",
        {"n": 2},
        START,
        at(2),
    )
    assert [each.subject for each in ledger.incidents.running()] == ["ris"]
    assert note(ledger, Seen(since=at(4)), minute=4) == (["pacs"], ["ris"])
    assert [each.began_at for each in ledger.incidents.running()] == [at(4)]


def test_an_incident_ends_after_the_clock_was_set_back(ledger):
    ledger.incidents.note([Seen(since=at(600))], now=at(600))
    assert note(ledger, minute=0) == ([], ["pacs"])
    (ended,) = ledger.incidents.ended(limit=9)
    assert ended.ended_at == at(600)


def test_each_incident_is_told_once_and_its_end_once(ledger, told):
    ledger.incidents.note([Seen()], now=at(0))
    assert told.hear(at(0)) == [["pacs"], [], []]
    assert told.hear(at(30)) is None
    ledger.incidents.note([], now=at(31))
    assert told.hear(at(31)) == [[], ["pacs"], []]
    assert told.hear(at(60)) is None


def test_the_end_of_what_only_happens_is_not_told(ledger, told):
    ledger.incidents.note([Seen(), Seen(kind="reader_killed", subject="job 7")], now=at(0))
    news = told.claim(at(0))
    ledger.notices.told("it", news, owner="me", now=at(0), without_end=["reader_killed"])
    ledger.incidents.note([], now=at(60))
    assert told.hear(at(60)) == [[], ["pacs"], []]


def test_what_happens_soon_after_a_message_comes_in_the_next(ledger, told):
    """Also what was over before: it says from when to when."""
    ledger.incidents.note([Seen()], now=at(0))
    assert told.hear(at(0)) == [["pacs"], [], []]
    ledger.incidents.note([Seen(), Seen(subject="ris"), Seen(subject="short")], now=at(1))
    ledger.incidents.note([Seen(subject="ris")], now=at(3))
    assert told.hear(at(9.9)) is None
    assert told.hear(at(10)) == [["ris"], ["pacs"], ["short"]]
    assert told.hear(at(90)) is None


def test_it_is_told_only_of_the_kinds_that_it_wants(ledger, told):
    ledger.incidents.note([Seen(), Seen(kind="disk_full", subject="spool")], now=at(0))
    assert told.hear(at(0), kinds=("disk_full", "service_down")) == [["spool"], [], []]
    assert told.hear(at(20), kinds=("disk_full", "service_down")) is None


def test_a_new_alert_hears_of_what_goes_on_and_not_of_the_past(ledger, told):
    ledger.incidents.note([Seen()], now=at(0))
    ledger.incidents.note([Seen(subject="ris")], now=at(5))
    assert told.hear(at(5)) == [["ris"], [], []]


def test_what_has_been_over_for_a_day_is_no_news(ledger, told):
    """The alert could not be told for days; what it knows of still ends for it."""
    ledger.incidents.note([Seen()], now=at(0))
    told.hear(at(0))
    ledger.incidents.note([Seen(subject="short"), Seen()], now=at(1))
    ledger.incidents.note([], now=at(3))
    assert told.hear(at(3) + 24 * HOUR) == [[], ["pacs"], []]


def test_a_claim_that_ends_without_a_word_is_taken_over(ledger, told):
    """The process died while it told; until its lease is over nobody tells."""
    ledger.incidents.note([Seen()], now=at(0))
    dead = Alerted(ledger=ledger, owner="dead")
    news = dead.claim(at(0))
    assert told.hear(at(1.9)) is None
    assert told.hear(at(2)) == [["pacs"], [], []]
    ledger.notices.told("it", news, owner="dead", now=at(3))  # it was not dead
    assert told.hear(at(30)) is None


def test_what_could_not_be_told_is_told_later(ledger, told):
    """Together with what happened meanwhile; the ledger says since when, and why."""
    ledger.incidents.note([Seen()], now=at(0))
    for minute in (0, 1):
        news = told.claim(at(minute))
        assert news.attempts == minute
        ledger.notices.not_told(
            "it", owner="me", retry_at=at(minute + 1), now=at(minute), detail="away"
        )
        assert told.claim(at(minute + 0.9)) is None
    (channel,) = ledger.notices.channels()
    assert (channel.failing_since, channel.detail, channel.told_at) == (at(0), "away", None)
    ledger.incidents.note([Seen(subject="ris")], now=at(2))
    assert told.hear(at(2)) == [["ris"], [], ["pacs"]]
    (channel,) = ledger.notices.channels()
    assert (channel.failing_since, channel.attempts, channel.told_at) == (None, 0, at(2))


def test_a_clock_that_was_set_back_delays_no_message(ledger, told):
    ledger.incidents.note([Seen(since=at(600))], now=at(600))
    assert told.hear(at(600)) == [["pacs"], [], []]
    ledger.incidents.note([Seen(subject="ris")], now=at(0))
    told.claim(at(600))
    assert told.hear(at(0)) == [["ris"], ["pacs"], []]


def test_two_processes_never_tell_the_same_twice(url):
    """They claim at the same time, again and again, on connections of their own."""
    ledgers = [open_ledger(url) for _ in range(2)]
    hearers = [Alerted(ledger=ledger, owner=str(n)) for n, ledger in enumerate(ledgers)]

    def work(one, now, seen):
        noted = one.ledger.incidents.note(seen, now=now)
        return len(noted.begun) + len(noted.ended), one.claim(now)

    with ThreadPoolExecutor(2) as threads:
        for minute in range(0, 100, 20):
            seen = [Seen(subject=f"{minute}"), Seen(subject="always")]
            done = [threads.submit(work, one, at(minute), seen) for one in hearers]
            results = [future.result() for future in done]
            assert sorted(noted for noted, _ in results) == [0, 2]
            (owner,) = [n for n, (_, news) in enumerate(results) if news is not None]
            news = results[owner][1]
            ledgers[0].notices.told("it", news, owner=str(owner), now=at(minute))
            begun = [incident.subject for incident in news.begun]
            assert sorted(begun) == ([f"{minute}"] if minute else ["0", "always"])
    for ledger in ledgers:
        ledger.dispose()


def test_old_incidents_go_with_their_notices(ledger, told):
    ledger.incidents.note([Seen(), Seen(subject="ris")], now=at(0))
    told.hear(at(0))
    ledger.incidents.note([Seen(subject="ris")], now=at(5))
    assert ledger.incidents.prune(ended_before=at(0), limit=9) == 0
    assert ledger.incidents.prune(ended_before=at(4), limit=9) == 1
    assert ledger.incidents.ended(limit=9) == []
    assert [each.subject for each in ledger.incidents.running()] == ["ris"]
