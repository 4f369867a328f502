"""Studies: one answer each, which series gave it, and why the others did not."""

import re
from datetime import timedelta

import pytest

from ich_node.answer import Answer
from ich_node.ledger import Instance
from ich_node.web.pages import studies
from ich_node.web.visitor import Role

ROOT = "1.2.826.0.1.3680043.10.1624.20"


@pytest.fixture
def client(busy_site):
    with busy_site.signed_in(Role.LOOK) as client:
        yield client


def shown(page) -> list[str]:
    """The last digits of the studies in the list."""
    assert page.status_code == 200
    return re.findall(rf'class="uid"><a href="/studies/{re.escape(ROOT)}\.(\d+)"', page.text)


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<main")[2]).split())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1008", "1007", "1006", "1005", "1004", "1003", "1002", "1001"]),
        ("source=ct-ward", ["1007", "1005", "1004", "1001"]),
        ("outcome=present", ["1006", "1002"]),
        ("outcome=refused", ["1003"]),
        ("since=3h&until=1h", ["1005", "1004"]),
    ],
)
def test_studies_are_found_by_their_series(client, query, expected):
    """Those with the newest series first, each with all its series."""
    assert shown(client.get(f"/studies?{query}")) == expected


def test_pages(client, monkeypatch):
    """Each study once."""
    monkeypatch.setattr(studies, "ON_ONE_PAGE", 5)
    first = client.get("/studies")
    older = re.search(r'rel="next" href="([^"]*)"', first.text)
    assert older
    second = client.get(older[1])
    assert (len(shown(first)), shown(second)) == (5, ["1003", "1002", "1001"])
    assert 'rel="next"' not in second.text
    assert 'href="/studies">Newest' in second.text


def test_a_filter_that_cannot_be_understood(client):
    """It is named."""
    page = client.get("/studies?since=yesteryear")
    assert shown(page) == []
    assert "since &#39;yesteryear&#39; is not a time" in page.text


def test_which_series_was_read_and_why_the_other_was_not(client):
    """In the list and on the page of the study."""
    page = words(client.get("/studies").text)
    assert "absent HEAD 1.0 H70h not analysed bone kernel : kernel H70h HEAD 5.0 H31s" in page
    assert "HEAD 5.0 H31s absent 12 % gave the answer" in page
    one = words(client.get(f"/studies/{ROOT}.1003").text)
    assert "Answer: absent Given by HEAD 5.0 H31s , 12 %" in one
    assert "refused not analysed 6.0 s bone kernel : kernel H70h" in one


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        ("1005", "Answer: not analysed Because of HEAD 5.0 H31s : the analyser crashed"),
        ("1007", "There is no answer yet."),
        ("1006", "Answer: hemorrhage present Given by HEAD 5.0 H31s , 99.9 %"),
    ],
)
def test_the_answer_of_a_study(client, study, sentence):
    """One, or none yet."""
    assert sentence in words(client.get(f"/studies/{ROOT}.{study}").text)


def test_a_study_by_its_uid_or_a_series(client):
    """The address of each leads to the study; what is unknown is said."""
    for path in (f"?study={ROOT}.1003", "/3", f"/{ROOT}.1003.70004", "/.1003.70004"):
        page = client.get(f"/studies{path}")
        assert page.url.path == f"/studies/{ROOT}.1003"
    for word in ("70", "2.25.1", "nothing"):
        page = client.get(f"/studies/{word}")
        assert page.status_code == 404
        assert "There is no series or study" in page.text


def test_what_disagrees_and_what_is_late(fresh_site):
    """Another reconstruction says something else; a series waits for longer than it may."""
    ledger, now = fresh_site.site.ledger, fresh_site.site.clock()
    for number, ago in ((1, 60), (2, 50)):
        at = now - timedelta(minutes=ago)
        ledger.receiving.add(
            Instance(
                sop_instance_uid=f"2.25.7.{number}.1", sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                study_instance_uid=f"{ROOT}.1002", series_instance_uid=f"2.25.7.{number}",
                transfer_syntax_uid="1.2.840.10008.1.2.1", sha256=f"{number}" * 64,
                path=f"objects/ff/{number:064x}.dcm", size_bytes=1, source="ct-er", received_at=at,
            ),
            ready_at=at,
            max_wait=timedelta(hours=1),
        )  # fmt: skip
        if number == 1:
            job = ledger.reading.claim(owner="a", now=at, lease=timedelta(1), max_attempts=1)
            ledger.reading.finish(
                job, now=at, answer=Answer.ABSENT, series_probability=0.2, results=[],
                bundle_sha256="b" * 64, destinations=(), in_favour_of=2,
                detail="series 2 was reported as 'present', which stands",
            )  # fmt: skip
    with fresh_site.signed_in() as client:
        listed = words(client.get("/studies").text)
        assert "hemorrhage present overdue series disagree" in listed
        page = words(client.get(f"/studies/{ROOT}.1002").text)
    assert "Series 11 is overdue: its last object came 50 min ago." in page
    assert 'Series 10 of the same acquisition says "absent"; "hemorrhage present" of' in page
    assert "More series of it are still to be read: the answer may change." in page
