"""Statistics on the site: counted by a process of its own, and shown with their time."""

import csv
import io
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.errors import IchNodeError
from ich_node.model.bundle_file import read_header, shipped_bundle
from ich_node.web.counted import AGAIN, FRESH, CountedStatistics
from tests.support.browser import needs_chromium, signed_in_page, too_wide, violations
from tests.support.node import opened_ledger
from tests.support.scored import add_scores
from tests.support.site import running_site

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """80 series in 30 days: forty with low scores, then forty with high ones; eight verdicts."""
    folder = tmp_path_factory.mktemp("quality")
    config = folder / "config.toml"
    config.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger:
        add_scores(
            ledger,
            [0.05 + number / 200 for number in range(40)]
            + [0.6 + number / 200 for number in range(40)],
            bundle_sha256=read_header(shipped_bundle()).sha256,
            threshold=0.7,
            first=datetime.now(UTC) - timedelta(days=29.9),
            step=timedelta(hours=8.9),
            labels={**dict.fromkeys((75, 76, 77), True), **dict.fromkeys((1, 2, 3, 4, 80), False)},
        )
    with running_site(config) as running:
        yield running


@pytest.fixture(scope="module")
def client(site):
    with site.signed_in() as client:
        client.timeout = 120
        yield client


def text_of(answer):
    body = re.sub(r"<[^>]+>", " ", answer.text.split("<main", 1)[-1].partition(">")[2])
    return re.sub(r"\s+", " ", body)


def counted(client):
    """As a browser without scripts: asked for again until the figures are there."""
    while "are being counted" in (page := client.get("/quality")).text:
        time.sleep(0.2)
    return page


@needs_chromium
def test_the_figures_come_by_themselves(browser, site):
    """The page is there at once; its figures follow when they are counted."""
    with signed_in_page(browser, site) as page:
        page.goto("/quality")
        page.get_by_text("They are being counted", exact=False).or_(
            page.get_by_text("The series are being counted.")
        ).wait_for()
        page.get_by_role("heading", name="Outcomes").wait_for(timeout=60_000)
        assert violations(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert not too_wide(page)


def test_the_figures_of_thirty_days(client):
    text = text_of(counted(client))
    assert "Series 80" in text
    assert "present 20 25.0 %" in text
    assert "absent 60 75.0 %" in text
    assert "scores have drifted" in text
    assert "3 of 3" in text  # sensitivity
    assert re.search(r"Specificity 80 % \( ?38 to 96 % ?\) 4 of 5", text), text
    assert read_header(shipped_bundle()).name in text


def test_the_picture_says_what_it_shows(client):
    page = counted(client).text
    assert 'role="img" aria-label="Distribution of the scores' in page
    assert page.count('<rect class="share"') == 20
    assert "style=" not in page


def test_the_table_for_registries(client):
    answer = client.get("/quality/registry.csv", params={"days": "30"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 80
    assert rows[0]["model"] == read_header(shipped_bundle()).name
    assert {row["verdict"] for row in rows} == {"", "bleeding", "no bleeding"}


def test_figures_are_kept_while_they_are_fresh_and_a_failure_is_said():
    """One count at a time; the old figures stay while new ones are counted or could not be."""
    kept = CountedStatistics()
    calls = []

    def count(days):
        calls.append(days)
        if len(calls) == 2:
            raise IchNodeError("the ledger does not answer")
        return f"figures {len(calls)}"

    def settled(at):
        while (found := kept.get(30, count, now=at)).is_counting:
            pass
        return found

    assert kept.get(30, count, now=NOW).statistics is None
    assert settled(NOW).statistics == "figures 1"
    assert settled(NOW + FRESH / 2).counted_at == NOW
    failed = settled(NOW + FRESH)
    assert (failed.statistics, failed.problem) == ("figures 1", "the ledger does not answer")
    assert settled(NOW + FRESH + AGAIN).statistics == "figures 3"
    assert calls == [30, 30, 30]
    assert kept.get(7, count, now=NOW + FRESH + AGAIN).statistics is None
