"""Metrics and health are for machines: without a token, from named addresses alone."""

from dataclasses import replace

import httpx
import pytest

from ich_node.web.site import Site
from tests.support.peers import free_port
from tests.support.site import RunningSite, served, with_web


def changed(site: RunningSite, **settings) -> Site:
    """The same site with other settings of [web]."""
    config = with_web(site.site.config(), **settings)
    return replace(site.site, config=lambda: config)


@pytest.fixture
def probe(busy_site):
    with httpx.Client(base_url=busy_site.address, follow_redirects=False) as client:
        yield client


def test_metrics(probe):
    answer = probe.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'ichnode_jobs{state="held"} 1.0' in answer.text
    openmetrics = probe.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_health(probe):
    """Nothing runs beside this site, and each part says so."""
    answer = probe.get("/healthz")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["ledger"] == {"ok": True, "detail": "answers"}
    assert parts["receive"] == {"ok": False, "detail": "was never seen"}
    ready = probe.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["analyse"] == {"ok": False, "detail": "no model is loaded"}
    assert "destination pacs" in ready.json()["parts"]


def test_under_any_name(probe):
    """A probe knows the address of a container, not the name of the site."""
    assert probe.get("/metrics", headers={"Host": "10.2.3.4:8104"}).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_others_are_turned_away(busy_site, path):
    """An address that is not named; and whoever asks through a proxy that is."""
    with httpx.Client(base_url=busy_site.address) as client:
        forwarded = client.get(path, headers={"X-Forwarded-For": "203.0.113.9"})
        assert (forwarded.status_code, forwarded.text) == (403, "")


def test_address_that_is_not_named(busy_site):
    with (
        served(changed(busy_site, probes=("10.0.0.0/8",), port=free_port())) as site,
        httpx.Client(base_url=site.address) as client,
    ):
        assert client.get("/metrics").status_code == 403


def test_nothing_can_be_changed(probe):
    assert probe.post("/metrics").status_code in (403, 405)
