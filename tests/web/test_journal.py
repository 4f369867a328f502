"""The journal: what was done is found again, page by page and as a table."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.ledger.audit import LOOK
from ich_node.web.visitor import Role
from tests.documents.states.empty import state as empty
from tests.support.site import running_site

STUDY = "1.2.826.0.1.3680043.10.1624.20.1006"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """With 250 looks of Bob's, and a few things that Ada did."""
    with empty(tmp_path_factory.mktemp("journal")) as config, running_site(config) as site:
        audit = site.site.ledger.audit
        for number in range(250):
            audit.record(
                at=NOON + number * MINUTE,
                who="Bob",
                address="10.1.2.4",
                action=LOOK,
                target=f"job {number}",
                study_instance_uid=f"1.2.3.{number}",
            )
        late = {"at": NOON + 300 * MINUTE, "who": "Ada", "address": "10.1.2.3"}
        audit.record(**late, action="pause", target="reading")
        audit.record(
            **late,
            action="cancel",
            target="job 7",
            study_instance_uid=STUDY,
            outcome="refused",
            detail="job 7 is read: only a waiting job can be cancelled",
        )
        audit.record(**late | {"who": "=1+1 <b>"}, action="sign in", outcome="turned away")
        yield site


def test_everything_is_found_page_by_page(site):
    """Each event is on one page, the newest first."""
    jobs, address = [], "/journal?action=look"
    with site.signed_in(Role.LOOK) as client:
        while address:
            page = client.get(address)
            assert page.status_code == 200
            body = page.text.partition("<tbody>")[2]
            jobs += [int(part.split('"')[0]) for part in body.split('href="/series/')[1:]]
            _, _, link = body.partition('rel="next" href="')
            address = link.partition('"')[0].replace("&amp;", "&")
    assert jobs == list(range(249, -1, -1))


@pytest.mark.parametrize(
    ("asked", "there", "missing"),
    [
        ("who=Ada", "reading", "10.1.2.4"),
        ("action=pause", "reading", "job 7"),
        ("target=job 7", "only a waiting job can be cancelled", "job 70"),
        (f"target={STUDY}", "only a waiting job", "10.1.2.4"),
        ("who=Nobody", "No event is like that", "<tbody>"),
    ],
)
def test_events_are_found_by_filter(site, asked, there, missing):
    """By person, action, thing and study."""
    with site.signed_in(Role.LOOK) as client:
        page = client.get(f"/journal?{asked}")
    assert page.status_code == 200
    table = page.text.partition("</form>\n<h2")[2]
    assert there in table
    assert missing not in table


def test_events_are_found_by_time(site):
    """Times are those of the node; a time that is none is said, and what was typed stays."""
    since = (NOON + 10 * MINUTE).astimezone().strftime("%Y-%m-%dT%H:%M")
    until = (NOON + 12 * MINUTE).astimezone().strftime("%Y-%m-%dT%H:%M")
    with site.signed_in() as client:
        page = client.get("/journal", params={"since": since, "until": until})
        assert [f">job {number}<" in page.text for number in (9, 10, 11, 12)] == [
            False,
            True,
            True,
            False,
        ]
        wrong = client.get("/journal", params={"since": "yesterday"})
        assert wrong.status_code == 400
        assert "From: yesterday is no time" in wrong.text
        assert client.get("/journal.csv", params={"since": "yesterday"}).status_code == 400
        odd = client.get("/journal", params={"who": "Ada", "before": "9" * 40})
        assert odd.status_code == 200


def test_hostile_name_is_text(site):
    """On the page it is no markup, in the table no formula."""
    with site.signed_in() as client:
        page = client.get("/journal?action=sign in")
        assert "=1+1 &lt;b&gt;" in page.text
        assert "turned away" in page.text
        table = client.get("/journal.csv?action=sign in").text
    assert next(csv.DictReader(table.splitlines()))["who"] == "'=1+1 <b>"


def test_table_has_all_events_and_its_download_is_one(site):
    """With the same filter; times have their zone. Who took it is in the journal."""
    with site.signed_in() as client:
        answer = client.get("/journal.csv?who=Bob")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "journal.csv" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(answer.text.splitlines()))
    assert len(rows) == 250
    assert rows[-1]["at"] == "2026-03-01T12:00:00.000+00:00"
    assert rows[-1]["study_instance_uid"] == "1.2.3.0"
    newest = site.site.ledger.audit.newest(limit=1)[0]
    assert (newest.who, newest.action) == ("Ada", "download journal")
