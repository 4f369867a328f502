"""Commission on the site: who may start it, how it is followed, and its report."""

import re
import shutil

import pytest

from ich_node.commission.record import Records
from ich_node.web.commissioning import STARTED
from ich_node.web.visitor import Role
from tests.support.browser import (
    PHONE,
    needs_chromium,
    signed_in_page,
    too_wide,
    violations,
)
from tests.support.peers import wait_until
from tests.support.site import running_site


def run_of(answer):
    return re.fullmatch(r"/commission/([0-9a-f-]+)", answer.url.path)[1]


def until_it_has_ended(run):
    wait_until(lambda: not STARTED.is_running(run), seconds=90, what="the end of the commissioning")


@pytest.fixture(scope="module")
def site(busy_folder, tmp_path_factory):
    """With the record of one commissioning, that only asked everybody."""
    folder = tmp_path_factory.mktemp("commission")
    shutil.copytree(busy_folder, folder, dirs_exist_ok=True)
    config = folder / "config.toml"
    text = config.read_text(encoding="utf-8").replace(str(busy_folder), str(folder))
    config.write_text(text.replace("port = 104", "port = 1"), encoding="utf-8")
    with running_site(config) as running:
        yield running


@pytest.fixture(scope="module")
def run(site):
    with site.signed_in() as client:
        began = site.post(client, "/commission/start", way="none", minutes="2")
    until_it_has_ended(run_of(began))
    return run_of(began), began


def test_it_is_started_followed_and_filed(site, run):
    """Nobody is there: it fails, and says who is missing."""
    name, began = run
    assert "It goes on if you leave this page" in began.text
    assert f'hx-get="/commission/{name}/progress"' in began.text
    with site.signed_in(Role.LOOK) as client:
        page = client.get(f"/commission/{name}").text
        assert "hx-trigger" not in page
        assert "not passed" in page
        assert "Service receive" in page
        assert "nothing answers at 127.0.0.1:1" in page
        part = client.get(f"/commission/{name}/progress").text
        assert part.strip().startswith('<div id="progress"')
        assert f'href="/commission/{name}"' in client.get("/commission").text
        report = client.get(f"/commission/{name}/report")
    assert report.headers["content-disposition"].startswith("attachment")
    assert "script-src 'self'" in report.headers["content-security-policy"]
    assert "NOT PASSED" in report.text
    record = Records(site.site.config().spool.path).get(name)
    assert record.who == "Ada (site)"
    (event,) = [e for e in site.site.ledger.audit.newest() if e.action == "commissioning started"]
    assert (event.who, event.target, event.outcome) == ("Ada", f"commissioning {name}", "done")


def test_a_second_one_and_one_at_a_time(site, run):
    """What is typed is no option of the command."""
    with site.signed_in() as client:
        typed = {"through": "--remove", "accession": "--remove"}
        began = site.post(client, "/commission/start", way="through", minutes="2", **typed)
        second = site.post(client, "/commission/start", way="none", minutes="2", back="/commission")
        assert "a commissioning goes on" in second.text
        until_it_has_ended(run_of(began))
        page = client.get(f"/commission/{run_of(began)}").text
    assert "there is no destination &#39;--remove&#39;" in page
    assert run_of(began) != run[0]


def test_a_way_that_is_none(site):
    with site.signed_in() as client:
        for fields, words in (
            ({"way": "--folder=/tmp", "minutes": "2"}, "is no way"),
            ({"way": "none", "minutes": "9999"}, "choose one of"),
        ):
            answer = site.post(client, "/commission/start", back="/commission", **fields)
            assert words in answer.text


def test_who_may_only_look_starts_none(site, run):
    with site.signed_in(Role.LOOK) as client:
        assert 'action="/commission/start"' not in client.get("/commission").text
        assert site.post(client, "/commission/start", way="none").status_code == 403


@pytest.mark.parametrize("name", ["20260101-000000-0000", "..%2f..%2fledger.sqlite", "x"])
def test_there_is_no_other_file(site, name):
    with site.signed_in() as client:
        for end in ("", "/progress", "/report"):
            assert client.get(f"/commission/{name}{end}").status_code == 404


@needs_chromium
def test_it_is_readable_for_everybody(browser, site, run):
    with signed_in_page(browser, site, size=PHONE) as page:
        page.goto(f"/commission/{run[0]}")
        assert violations(page) == []
        assert not too_wide(page)
