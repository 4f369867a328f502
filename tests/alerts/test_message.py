"""What people read: the most urgent first, what is alike together, nobody named."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from ich_node.alerts.message import Origin, message_of, trial_message
from ich_node.health import TroubleKind
from ich_node.ledger.incidents import Incident
from ich_node.ledger.notices import News
from tests.support.standing_clock import START

MINUTE = timedelta(minutes=1)
ORIGIN = Origin(host="ich1", site="https://ich.hospital.example/")
numbers = count(1)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def incident(kind, subject, **facts):
    return Incident(
        id=next(numbers),
        kind=kind,
        subject=subject,
        facts=facts,
        began_at=START - 20 * MINUTE,
        seen_at=START,
        ended_at=None,
    )


def over(running):
    return replace(running, ended_at=START)


def failed(job):
    subject = f"job {job}, pacs"
    return incident("delivery_failed", subject, job=job, objects=3, destination="pacs")


def told(begun=(), ended=(), passed=(), still=()):
    return message_of(
        News(begun=tuple(begun), ended=tuple(ended), passed=tuple(passed), still=tuple(still)),
        ORIGIN,
        now=START,
    )


DOWN = incident("destination_down", "pacs", destination="pacs", seconds=1200, detail="no answer")
DISK = incident(
    "disk_full", "spool", holds="spool", free_bytes=2.1e9, used_percent=97, reserve_bytes=1e9
)


def test_one_trouble_with_what_helps():
    """The whole message, as it looks in a mail."""
    message = told(begun=[DOWN])
    assert message.title == (
        "[ich-node ich1] The destination pacs has not answered for 20 min: no answer"
    )
    lines = message.text.splitlines()
    assert lines[:4] == [
        "NEW",
        "",
        "* The destination pacs has not answered for 20 min: no answer.",
        "  Since 2026-01-01 11:40 UTC.",
    ]
    assert "ich-node echo pacs" in lines[4]
    assert lines[5:] == [
        "",
        "-- ",
        "ich-node on ich1",
        "The site of the node: https://ich.hospital.example/",
        "All incidents: ich-node alerts list",
        "Research use only. Not a medical device.",
    ]


def test_a_flood_is_a_few_lines_with_a_number():
    """The most urgent is in the title, what is alike is listed five times and counted."""
    many = [failed(job) for job in range(1, 21)]
    others = incident("delivery_failed", "others", more=180)
    message = told(begun=[*many, others, DISK], still=[DOWN])
    assert message.title == (
        "[ich-node ich1] The disk of the spool has 2.1 GB left (97 % used), and 200 more"
    )
    assert message.text.count("could not be delivered to pacs") == 5
    assert "* And 15 more like these." in message.text
    assert "* Results of 180 more series" in message.text
    assert message.text.index("The disk") < message.text.index("3 results of job 1 ")
    assert message.text.count("ich-node jobs retry") == 1, "what helps is said once"
    assert "STILL THERE\n\n* The destination pacs" in message.text
    assert len(message.facts["begun"]) == 22, "a machine gets them all"


@pytest.mark.parametrize(
    ("news", "title", "words"),
    [
        (
            {"ended": [over(DOWN)]},
            "Over: The destination pacs",
            "All that you were told of is over",
        ),
        (
            {"passed": [over(DOWN)]},
            "Over: The destination pacs",
            "WAS THERE, AND IS OVER\n\n* The d",
        ),
        (
            {"ended": [over(DOWN), over(failed(1))], "still": [DISK]},
            "Over: 3 results of job 1 could not be delivered to pacs and are not tried again,"
            " and one more",
            "STILL THERE\n\n* The disk",
        ),
        (
            {"begun": [DISK], "ended": [over(DOWN)]},
            "The disk of the spool has 2.1 GB left (97 % used); one is over",
            "OVER\n\n* The destination pacs has not answered for 20 min: no answer.\n"
            "  From 2026-01-01 11:40 UTC to 2026-01-01 12:00 UTC.\n",
        ),
    ],
)
def test_the_end_is_told_with_its_time(news, title, words):
    message = told(**news)
    assert message.title.startswith(f"[ich-node ich1] {title}")
    assert "\n" not in message.title
    assert words in message.text


def test_the_same_news_have_the_same_key_and_others_another():
    """A receiver that gets them twice knows it."""
    assert told(begun=[DOWN]).key == told(begun=[DOWN], still=[DISK]).key
    keys = {told(begun=[DOWN]).key, told(ended=[over(DOWN)]).key, told(begun=[DISK]).key}
    assert len(keys) == 3


def test_a_machine_gets_kinds_times_and_facts():
    facts = told(begun=[DOWN]).facts
    assert (facts["host"], facts["site"]) == ("ich1", "https://ich.hospital.example/")
    (begun,) = facts["begun"]
    assert begun["kind"] == "destination_down"
    assert begun["began_at"] == "2026-01-01T11:40:00+00:00"
    assert begun["ended_at"] is None
    assert begun["facts"]["destination"] == "pacs"
    assert begun["sentence"] == "The destination pacs has not answered for 20 min: no answer."


def test_what_another_version_noted_is_named_at_least():
    message = told(begun=[incident("unheard_of", "x"), incident("disk_full", "spool")])
    assert "* disk_full: spool" in message.text
    assert "* unheard_of: x" in message.text
    assert message.text.index("disk_full") < message.text.index("unheard_of")


def test_a_test_says_that_nothing_is_wrong():
    message = trial_message(Origin(host="ich1", site=""), now=START, key="1")
    assert message.title == "[ich-node ich1] A test: nothing is wrong"
    assert "there is nothing to do" in message.text
    assert "site" not in message.text
    assert "Research use only" in message.text


def test_every_kind_of_trouble_can_be_told_to_those_who_want_it():
    from typing import get_args

    from ich_node.config.alerts import About

    assert set(get_args(About)) == set(TroubleKind)
