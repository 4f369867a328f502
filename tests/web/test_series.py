"""The list of series: every filter of `jobs list`, pages, and why there is no result."""

import re
from datetime import timedelta

import httpx
import pytest

from ich_node.ledger import Instance, SearchTerms
from ich_node.web.pages import series
from ich_node.web.visitor import Role

ROOT = "1.2.826.0.1.3680043.10.1624.20"


@pytest.fixture
def client(busy_site):
    with busy_site.signed_in(Role.LOOK) as client:
        yield client


def numbers(page: httpx.Response) -> list[int]:
    """Of the jobs in the list."""
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'id="job-(\d+)"', page.text)]


def row(page: httpx.Response, number: int) -> str:
    """Its words."""
    (mine,) = (part for part in page.text.split("<tr") if f'id="job-{number}"' in part)
    return " ".join(re.sub(r"<[^>]*>", " ", "<tr" + mine.partition("</tr>")[0]).split())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("since=2h", [9, 8, 7, 6]),
        ("since=2h&until=40min", [7, 6]),
        ("source=ct-ward", [8, 6, 5, 1]),
        (f"study={ROOT}.1003", [4, 3]),
        ("state=held&state=failed", [8, 6]),
        ("state=held,failed", [8, 6]),
        ("state=waiting", [9]),
        ("outcome=present", [7, 2]),
        ("outcome=absent&source=ct-er", [4]),
        ("outcome=undetermined&outcome=refused", [5, 3]),
        ("owed=1", [7]),
        ("owed=1&since=30min", []),
    ],
)
def test_every_filter(client, query, expected):
    """All that is asked is true, the newest first."""
    assert numbers(client.get(f"/series?{query}")) == expected


def test_the_form_remembers_what_was_asked(client):
    """And its address can be kept."""
    page = client.get("/series?state=held&outcome=present&source=ct-er&since=2h&owed=1").text
    assert '<input type="checkbox" name="state" value="held" checked>' in page
    assert '<input type="checkbox" name="state" value="done">' in page
    assert '<input type="checkbox" name="outcome" value="present" checked>' in page
    assert '<input type="checkbox" name="owed" value="1" checked>' in page
    assert "<option selected>ct-er</option>" in page
    assert 'name="since" value="2h"' in page
    assert "No series fits" in page


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("state=heldd", "there is no state &#39;heldd&#39;; did you mean &#39;held&#39;?"),
        ("outcome=presnt", "there is no outcome &#39;presnt&#39;; did you mean &#39;present&#39;?"),
        (
            "source=ct-wards",
            "there is no source &#39;ct-wards&#39;; did you mean &#39;ct-ward&#39;?",
        ),
        ("since=2", "since &#39;2&#39; is not a time: did you mean 2h or 2d?"),
        ("since=1h&until=2h", "until 2h is not after since 1h"),
        ("older=7", "&#39;7&#39; is not a place in the list"),
    ],
)
def test_a_filter_that_cannot_be_understood(client, query, sentence):
    """It is named, with what was probably meant; nothing is listed."""
    page = client.get(f"/series?{query}")
    assert numbers(page) == []
    assert sentence in page.text


def test_pages(client, monkeypatch):
    """Older and newer ones follow one another; the address of a page stays true."""
    monkeypatch.setattr(series, "ON_ONE_PAGE", 4)

    def link(page: httpx.Response, rel: str) -> str | None:
        found = re.search(rf'rel="{rel}" href="([^"]*)"', page.text)
        return found and found[1].replace("&amp;", "&")

    first = client.get("/series")
    assert numbers(first) == [9, 8, 7, 6]
    assert "5 older ones" in first.text
    assert link(first, "prev") is None
    second = client.get(link(first, "next"))
    assert numbers(second) == [5, 4, 3, 2]
    third = client.get(link(second, "next"))
    assert (numbers(third), link(third, "next")) == ([1], None)
    assert numbers(client.get(link(third, "prev"))) == [5, 4, 3, 2]
    assert numbers(client.get(link(second, "prev"))) == [9, 8, 7, 6]
    filtered = client.get("/series?source=ct-ward&state=done&state=held&state=failed")
    assert numbers(filtered) == [8, 6, 5, 1]
    monkeypatch.setattr(series, "ON_ONE_PAGE", 3)
    filtered = client.get("/series?source=ct-ward&state=done&state=held&state=failed")
    assert numbers(client.get(link(filtered, "next"))) == [1]


def test_what_a_row_says(client):
    """Answer with probability, time to the result, who is owed something, and why there is none."""
    page = client.get("/series")
    assert "HEAD 5.0 H31s done hemorrhage present 99.9 % 6.0 s 2 to pacs" in row(page, 7)
    assert "done undetermined 20 % 6.0 s a hole (from 20.0 to 60.0 mm" in row(page, 5)
    assert "failed not analysed 6.0 s the analyser crashed" in row(page, 6)
    assert "refused not analysed 6.0 s bone kernel : kernel H70h" in row(page, 3)
    assert "held rule outside studies, until" in row(page, 8)
    assert re.search(r"arriving complete in \d+ min if nothing follows", row(page, 9))
    assert row(page, 9).endswith("…08.70009 #9")


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("7", "/series/7"),
        (".1003.70004", "/series/4"),
        ("…06.70007", "/series/7"),
        (f"{ROOT}.1006.70007", "/series/7"),
        (f"{ROOT}.1003", f"/studies/{ROOT}.1003"),
        (f"{ROOT}.1006", "/series/7"),
        ("", "/series"),
    ],
)
def test_a_number_or_a_uid_opens_its_series(client, word, path):
    """Also the end of a UID."""
    page = client.get("/series/go", params={"word": word})
    assert page.status_code == 200
    assert page.url.path == path


def test_a_word_that_is_no_series(client):
    """The page says so."""
    for word in ("70", "2.25.1", "<b>", "99999999999999999999"):
        page = client.get("/series/go", params={"word": word})
        assert page.status_code == 404
        assert "There is no series or study" in page.text
        assert "<b>" not in page.text
    assert client.get("/series/70/progress").status_code == 404


def test_what_identifies_a_patient_is_not_asked_for(client, busy_site):
    """Where identifiers are not shown, nobody can look for them either."""
    assert "/series/find" not in client.get("/series").text
    assert busy_site.post(client, "/series/find", accession="ACC-1001").status_code == 403


def test_a_description_is_text(fresh_site):
    """A script in it is shown, and not run."""
    now = fresh_site.site.clock()
    script = "<script>alert(1)</script>"
    instance = Instance(
        sop_instance_uid="2.25.7.1", sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_instance_uid="2.25.9", series_instance_uid="2.25.7",
        transfer_syntax_uid="1.2.840.10008.1.2.1", sha256="f" * 64,
        path=f"objects/ff/{64 * 'f'}.dcm", size_bytes=1, source="ct-er", received_at=now,
    )  # fmt: skip
    fresh_site.site.ledger.receiving.add(
        instance,
        ready_at=now,
        max_wait=timedelta(hours=1),
        terms=lambda: SearchTerms(series_description=script),
    )
    with fresh_site.signed_in() as client:
        for path in ("/series", "/series/10", "/studies", "/studies/2.25.9"):
            page = client.get(path).text
            assert script not in page
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
