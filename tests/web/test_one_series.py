"""One series: its answer in words, its story, and what is beside it."""

import re

import pytest

from ich_node.answer import Answer
from ich_node.ledger import NewReader, Wanted
from ich_node.web.visitor import Role
from tests.documents.states.reported import state as reported
from tests.support.site import running_site


@pytest.fixture
def client(busy_site):
    with busy_site.signed_in(Role.LOOK) as client:
        yield client


@pytest.fixture(scope="module")
def reported_site(tmp_path_factory):
    """Three series whose messages are in the spool."""
    with reported(tmp_path_factory.mktemp("reported")) as config, running_site(config) as site:
        yield site


def words(text: str) -> str:
    """Of a page, without its marks."""
    return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<main")[2]).split())


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, ["No intracranial hemorrhage was found", "score, 8 %, is below the threshold"]),
        (2, ["hemorrhage is suspected", "The highest slice score, 97.3 %, is above"]),
        (3, ["Not analysed: bone kernel", "kernel H70h", "What to do: send the soft-tissue"]),
        (5, ["Undetermined", "a hole (from 20.0 to 60.0 mm; Instance Numbers 4, 12)"]),
        (6, ["Not analysed: the analyser crashed", "What to do: look at the log"]),
        (8, ["Held by the rule outside studies", "Without a release it ends unread at"]),
        (9, ["The series is arriving", "10 objects so far", "it is complete in"]),
    ],
)
def test_the_answer_in_words(client, number, expected):
    """Or why there is none, and what to do about it."""
    page = words(client.get(f"/series/{number}").text)
    for sentence in expected:
        assert sentence in page


def test_the_message_says_more(reported_site):
    """Threshold, slices and lesions, as long as it is in the spool."""
    with reported_site.signed_in(Role.LOOK) as client:
        page = words(client.get("/series/1").text)
        assert "score, 97 %, is above the threshold of 50 %." in page
        assert "4 of 36 slices are positive. 2 lesions are marked." in page
        gone = words(client.get("/series/2").text)
        assert "is below the threshold." in gone


def test_its_story(client):
    """What happened when, with the time between; a destination's objects are one line."""
    page = words(client.get("/series/7").text)
    for step in ("reading began +1.0 s", "result +5.0 s", "delivered to ris +6.0 s"):
        assert step in page
    assert "delivered to pacs" not in page
    assert "+5.0 s result 3 results for pacs, ris" in page
    assert "delivery postponed 2 objects, pacs: connection refused" in page
    assert "structured report, 1 overlay, 1 message" in page
    assert re.search(r"pacs owed 2 objects 1 again in \d+ s connection refused", page)
    assert re.search(r"ris delivered message 1 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", page)


def test_its_facts(client):
    """UIDs to copy; nothing about the patient."""
    page = client.get("/series/7").text
    uid = "1.2.826.0.1.3680043.10.1624.20.1006"
    assert f'data-copy="{uid}"' in page
    assert f'data-copy="{uid}.70007"' in page
    assert "10, 5.25 MB" in words(page)
    assert "Patient" not in page


def test_the_other_series_of_its_study(client):
    """With their answers, and why they have none."""
    page = words(client.get("/series/4").text)
    assert "Other series of the study HEAD 1.0 H70h refused not analysed bone kernel" in page
    assert "Other series" not in words(client.get("/series/2").text)


def test_a_page_that_still_changes_asks_again(client):
    """As long as something is to happen by itself; the parts have no identifiers and no forms."""
    assert 'hx-get="/series/7/progress"' in client.get("/series/7").text
    assert "hx-get" not in client.get("/series/2").text
    parts = client.get("/series/7/progress").text
    assert re.findall(r'id="(\w+)"', parts) == ["headline", "delivered", "story"]
    assert "<form" not in parts


def test_other_models_and_revisions_stand_beside_it(fresh_site):
    """What a second model says, also where it differs, and each revision with its answer."""
    ledger, now = fresh_site.site.ledger, fresh_site.site.clock()
    reader = NewReader(name="head-ct-2", sha256="c" * 64, path="c.safetensors")
    for deliver in (False, True):
        plan = ledger.rereading.plan(Wanted(job_ids=[2]), sha256="c" * 64, deliver=deliver)
        assert ledger.rereading.ask(plan, reader, deliver=deliver, who="jo", now=now) == 1
    beside = ledger.reading.second_readings
    held = beside.claim(owner="a", now=now, lease=now - now)
    beside.finish(held, now=now, answer=Answer.ABSENT, series_probability=0.31)
    with fresh_site.signed_in() as client:
        page = words(client.get("/series/2").text)
    assert "head-ct-2 cccccccccccc asked by jo : absent 31 % another answer" in page
    assert "Other revisions of this series revision 2, series 10 ready, to be read again" in page
