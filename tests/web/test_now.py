"""The page Now: what it says, that it stays true by itself, and what can be stopped from it."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ich_node.answer import Answer
from ich_node.ledger import JobState, Lane
from ich_node.ledger.audit import TURNED_AWAY
from ich_node.ledger.current import SeriesOutcome
from ich_node.ledger.destination_states import DestinationState
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.pauses import READING, RECEIVING
from ich_node.web.now import live as live_module
from ich_node.web.now.chart import BOTTOM, LEFT, RIGHT, TOP, chart_of
from ich_node.web.now.facts import Receiver
from ich_node.web.now.parts import OF_VISITOR, SHARED
from ich_node.web.rendering import page
from ich_node.web.visitor import Role
from tests.documents.states.a_busy_day import Day
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.browser import needs_chromium, signed_in_page
from tests.support.peers import wait_until
from tests.support.site import running_site

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """receive and analyse run on one host, one more analyser is silent; send does not run. pacs is
    down, ris is up.
    """
    with (
        a_busy_day(tmp_path_factory.mktemp("now")) as config,
        running_site(config) as site,
    ):
        beat(site, "receive", 101)
        beat(site, "analyse", 102, bundle="rsna-1", engine="openvino", gpu=None, threads=4)
        beat(site, "analyse", 103, ago=5 * MINUTE)
        states, now = site.site.ledger.destination_states, datetime.now(UTC)
        states.answered("pacs", is_up=False, detail="connection refused", now=now - HOUR)
        states.answered("ris", is_up=True, detail="", now=now - HOUR)
        yield site


def beat(site, service, pid, *, ago=timedelta(), **facts):
    now = datetime.now(UTC)
    site.site.ledger.heartbeats.beat(
        Heartbeat(
            host="ich-1",
            service=service,
            pid=pid,
            version="0.1.0",
            started_at=now - 3 * HOUR,
            beat_at=now - ago,
            is_ready=True,
            facts=facts,
        )
    )


def words(html):
    """What is to be read, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def section(page, name):
    """The words of the section with this heading's id."""
    part = page.text.partition(f'aria-labelledby="{name}">')[2].partition("</section>")[0]
    return words(part)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first", "3 things need a hand The service send does not run."),
        ("first", "Job 6 could not be analysed (crashed)."),
        ("first", "The destination pacs has not answered for 60 min: connection refused."),
        ("what-now", "Receiving 1 series arrives"),
        ("what-now", "job 9 ct-er, 10 objects"),
        ("what-now", "Queued 0 series wait to be read held by a rule: 1"),
        ("pauses", "Nothing is paused."),
        ("results", "job 7 present 99.9 %"),
        ("results", "job 6 failed crashed"),
        ("results", "job 3 refused bone kernel"),
        ("times", "6 results in the last 12 hours; median 6.0 s, longest 6.0 s."),
        ("destinations", "pacs dicom down since"),
        ("destinations", "ris hl7 up since"),
        ("services", "receive up ich-1 101"),
        ("services", "rsna-1 · openvino · CPU, 4 threads"),
        ("services", "analyse silent since"),
        ("services", "send down never seen"),
        ("disks", "Disk of the spool"),
    ],
)
def test_page_says_what_the_node_does(site, name, said):
    """Without JavaScript, too: the page is whole when it comes."""
    with site.signed_in(Role.LOOK) as client:
        assert said in section(client.get("/"), name)


def test_a_destination_that_is_silent_for_some_minutes_is_named():
    """It is no trouble yet, but nobody may say that every destination answers."""
    now = datetime.now(UTC)
    state = DestinationState(destination="pacs", is_up=False, since=now, asked_at=now, detail="")
    seen = Receiver(name="pacs", kind="dicom", state=state, owed=None, pause=None, sending=0)
    facts = {"troubles": [], "at": now, "destinations": [seen]}
    said = words(page("now/troubles.html", facts=facts))
    assert said.startswith("All services run, and nothing is overdue. pacs does not answer.")
    facts["destinations"] = [replace(seen, state=replace(state, is_up=True))]
    assert "every destination answers" in words(page("now/troubles.html", facts=facts))


def test_each_trouble_leads_to_the_page_where_it_is_mended(site):
    with site.signed_in() as client:
        first = client.get("/").text.partition('id="first"')[2].partition("</section>")[0]
    assert re.findall(r'href="([^"]+)"', first) == ["/#services", "/series/6", "/owed"]


def test_who_may_only_look_gets_no_buttons(site):
    """And is turned away if he sends their forms all the same, which the journal knows."""
    with site.signed_in(Role.LOOK) as client:
        page = client.get("/").text
        assert 'action="/pause"' not in page
        assert 'action="/drain"' not in page
        assert site.post(client, "/pause", target="reading").status_code == 403
        assert site.site.ledger.pauses.all() == []
        event = site.site.ledger.audit.newest(limit=1)[0]
        assert (event.action, event.outcome, event.detail) == ("pause", TURNED_AWAY, "role")
    with site.signed_in() as client:
        answer = client.post(
            "/pause", data={"csrf": "x", "target": "reading"}, headers={"Origin": site.address}
        )
        assert answer.status_code == 403
        assert site.site.ledger.audit.newest(limit=1)[0].detail == "csrf"


def test_reading_and_destinations_are_paused_and_resumed(site):
    """By whom and why is seen by all; a second time says so and changes nothing."""
    ledger = site.site.ledger
    with site.signed_in() as client:
        page = site.post(client, "/pause", target="reading", until="2h", why="new GPU")
        assert "Reading is paused until" in page.text
        page = site.post(client, "/pause", target="pacs")
        assert "Sending to pacs is paused until somebody resumes it." in page.text
        reading, pacs = ledger.pauses.in_force(site.site.clock())
        assert (reading.target, reading.who, reading.why) == (READING, "Ada", "new GPU")
        assert reading.until - reading.since == 2 * HOUR
        assert (pacs.target, pacs.until) == ("to pacs", None)
        paused = section(page, "pauses")
        assert "by Ada, until" in paused
        assert "new GPU" in paused
        assert "paused" in section(page, "destinations")

        assert "Sending to pacs goes on." in site.post(client, "/resume", target="to pacs").text
        again = site.post(client, "/resume", target="to pacs")
        assert "Sending to pacs was not paused." in again.text
        site.post(client, "/resume", target=READING)
        assert ledger.pauses.in_force(site.site.clock()) == []
    done = [(event.action, event.target) for event in ledger.audit.newest(limit=5)]
    assert done[::-1] == [
        ("pause", "reading"),
        ("pause", "destination pacs"),
        ("resume", "destination pacs"),
        ("resume", "destination pacs"),
        ("resume", "reading"),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target": "pcs"}, "there is no destination &#39;pcs&#39;; did you mean &#39;pacs&#39;?"),
        ({"target": "receiving"}, "there is no destination &#39;receiving&#39;"),
        ({"target": "pacs", "until": "yesterday"}, "until &#39;yesterday&#39; is over"),
        ({"target": "pacs", "until": "5m"}, "did you mean 5min"),
    ],
)
def test_wrong_pause_is_explained(site, fields, said):
    """In a sentence with what was probably meant; nothing is paused."""
    with site.signed_in() as client:
        page = site.post(client, "/pause", back="/", **fields)
    assert page.status_code == 200
    assert said in page.text
    assert site.site.ledger.pauses.in_force(site.site.clock()) == []


def test_drained_node_says_what_still_waits(site):
    """Draining twice keeps the first; resuming takes it back."""
    with site.signed_in() as client:
        page = site.post(client, "/drain")
        assert "Nothing new is received." in page.text
        waits = "Still here: 4 series without an outcome, 2 objects to deliver."
        assert waits in section(page, "pauses")
        first = site.site.ledger.pauses.in_force(site.site.clock())
        site.post(client, "/drain")
        assert site.site.ledger.pauses.in_force(site.site.clock()) == first
        assert "Receiving goes on." in site.post(client, "/resume", target=RECEIVING).text


@contextmanager
def stream(client):
    """The events, as (name, text); the status is asked first."""
    headers = {"Accept": "text/event-stream"}
    with client.stream("GET", "/events", headers=headers) as answer:
        yield answer, events_of(answer)


def events_of(answer):
    name, data = "", []
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line and name:
            yield name, "\n".join(data)
            name, data = "", []


def until(events, name, text=""):
    """The names of the events up to the one that has the text."""
    names = []
    for each, data in events:
        names.append(each)
        if each == name and text in words(data):
            return names
    raise AssertionError(f"the stream ended without {name}: {text}")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(live_module, "READ_SECONDS", 0.05)


def test_stream_sends_what_changed(site, quick):
    """First every part, then only those that are not as they were."""
    with site.signed_in() as client, stream(client) as (answer, events):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        first = [next(events)[0] for _ in (*SHARED, *OF_VISITOR)]
        assert sorted(first) == sorted((*SHARED, *OF_VISITOR))
        with site.signed_in() as other:
            site.post(other, "/pause", target="reading", why="by somebody else")
            names = until(events, "pauses", "by somebody else")
            assert set(names) <= {"clock", "disks", "services", "pauses"}
            site.post(other, "/resume", target=READING)
            until(events, "pauses", "Nothing is paused.")


def test_one_reader_serves_all_browsers(site, quick):
    """However many look, the ledger is asked once."""
    with (
        site.signed_in() as client,
        site.signed_in() as other,
        stream(client) as (_, one),
        stream(other) as (_, two),
    ):
        until(one, "clock")
        until(two, "clock")
        before = site.live.reads
        for _ in range(5):
            until(one, "clock")
            until(two, "clock")
        # the next may have begun, and be ahead of what the test has taken
        assert 4 <= site.live.reads - before <= 9


def test_streams_of_one_session_are_few_and_end_with_their_clients(site, quick):
    """A fifth tab is told so, and works without; a browser that is gone leaves nothing behind."""
    wait_until(lambda: site.live.streams == 0)
    with site.signed_in() as client:
        answers, tabs = [], []
        for _ in range(live_module.MOST_OF_ONE_SESSION):
            request = client.build_request("GET", "/events")
            answers.append(client.send(request, stream=True))
            tabs.append(events_of(answers[-1]))
            next(tabs[-1])
        assert site.live.streams == live_module.MOST_OF_ONE_SESSION
        assert client.get("/events").status_code == 503
        for answer in answers:
            answer.close()
        wait_until(lambda: site.live.streams == 0)
        with stream(client) as (answer, _):
            assert answer.status_code == 200


def test_stream_needs_a_session(site):
    with httpx.Client(base_url=site.address) as nobody:
        assert nobody.get("/events", headers={"Accept": "text/event-stream"}).status_code == 401


def test_ledger_that_does_not_answer_is_said(tmp_path, quick):
    """On the page and in the stream, which goes on when it answers again."""
    with (
        a_busy_day(tmp_path) as config,
        running_site(config) as site,
        site.signed_in() as client,
        stream(client) as (_, events),
    ):
        until(events, "headline", "need")
        file, aside = tmp_path / "ledger.sqlite", tmp_path / "aside"
        site.site.ledger.dispose()
        file.rename(aside)
        file.mkdir()
        try:
            until(events, "headline", "The ledger does not answer")
            page = client.get("/")
            assert page.status_code == 503
            assert "the ledger does not answer" in page.text
        finally:
            file.rmdir()
            aside.rename(file)
        until(events, "headline", "need")
        assert client.get("/").status_code == 200


def outcome(number, *, minutes_ago, seconds, now, lane=Lane.ORDINARY, answer=Answer.ABSENT):
    ended_at = now - minutes_ago * MINUTE
    return SeriesOutcome(
        id=number,
        state=JobState.REFUSED if answer is None else JobState.DONE,
        series_instance_uid="1.2.3",
        source="ct",
        reason=None,
        answer=answer,
        series_probability=None,
        withdrawn_at=None,
        lane=lane,
        last_received_at=ended_at - timedelta(seconds=seconds),
        ended_at=ended_at,
    )


def test_chart_has_each_result_and_the_median_of_each_hour():
    """What was read again by hand, or is older, says nothing about the node's speed now."""
    now = datetime(2026, 3, 1, 12, 0, 59, tzinfo=UTC)
    chart = chart_of(
        [
            outcome(1, minutes_ago=5, seconds=2, now=now),
            outcome(2, minutes_ago=6, seconds=4, now=now, answer=Answer.PRESENT),
            outcome(3, minutes_ago=7, seconds=90, now=now, answer=None),
            outcome(4, minutes_ago=130, seconds=0.2, now=now),
            outcome(5, minutes_ago=8, seconds=9999, now=now, lane=Lane.AGAIN),
            outcome(6, minutes_ago=800, seconds=9999, now=now),
        ],
        now,
    )
    assert [(point.id, point.outcome) for point in chart.points] == [
        (4, Answer.ABSENT),
        (3, Answer.NOT_ANALYSED),
        (2, Answer.PRESENT),
        (1, Answer.ABSENT),
    ]
    assert (chart.median, chart.longest) == (3, 90)
    assert [(hour.results, hour.median) for hour in chart.hours[-3:]] == [
        (1, 0.2),
        (0, None),
        (3, 4),
    ]
    assert chart.median_line.count(",") == 2
    assert [tick.seconds for tick in chart.rows] == [1, 10, 60, 600]
    assert all(LEFT <= point.x <= RIGHT and TOP <= point.y <= BOTTOM for point in chart.points)
    assert chart.points[0].y == BOTTOM
    assert chart.points[1].y < chart.points[2].y < chart.points[3].y
    assert (chart_of([], now).points, chart_of([], now).median) == ([], None)


@needs_chromium
def test_page_follows_the_node_by_itself(browser, site):
    """A series that arrives is seen without a reload; the button that has the focus keeps it."""
    day = Day(
        ledger=site.site.ledger,
        key=site.site.ledger.search_keys.for_receiving(
            site.site.config().database.search_key, now=datetime.now(UTC)
        ),
        count=20,
    )
    with signed_in_page(browser, site) as page:
        page.goto("/")
        page.get_by_text("live", exact=True).wait_for()
        page.get_by_text("As a table").click()
        page.get_by_text("Pause or drain").click()
        page.get_by_label("Why, for others who look").fill("half a sentence")
        day.arrives(0, accession="ACC-2001", patient="P-99", source="ct-new", wait=10 * MINUTE)
        page.get_by_text("ct-new, 10 objects").wait_for()
        assert page.get_by_label("Why, for others who look").input_value() == "half a sentence"
        assert page.get_by_role("columnheader", name="Hour").is_visible()

        with site.signed_in() as other:
            site.post(other, "/pause", target="ris")
            page.get_by_role("button", name="Resume: Sending to ris").focus()
            site.post(other, "/pause", target="pacs")
            page.get_by_role("button", name="Resume: Sending to pacs").wait_for()
            assert page.evaluate("document.activeElement.id").startswith("resume-")
        for name in ("ris", "pacs"):
            page.get_by_role("button", name=f"Resume: Sending to {name}").click()
            page.get_by_text(f"Sending to {name} goes on.").wait_for()
        page.get_by_text("Nothing is paused.").wait_for()
    wait_until(lambda: site.live.streams == 0)
