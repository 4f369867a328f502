"""Which requests are turned away before a page sees them."""

import re
import socket

import httpx
import pytest

from ich_node.web.guards.limits import MOST_BYTES
from ich_node.web.visitor import Role
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.site import running_site


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with a_busy_day(tmp_path_factory.mktemp("guarded")) as path:
        yield path


@pytest.fixture(scope="module")
def site(config):
    with running_site(config, hosts=("ich.example", "other.example:8443")) as running:
        yield running


@pytest.fixture
def stranger(site):
    with httpx.Client(base_url=site.address) as client:
        yield client


def raw(site, request: bytes) -> bytes:
    """The whole answer to these bytes."""
    host, port = site.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_nobody_sees_a_page_without_a_session(stranger):
    for path in ("/", "/series/1", "/config", "/nothing-here"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in")
    assert stranger.get("/series?state=done").headers["location"] == (
        "/sign-in?next=/series%3Fstate%3Ddone"
    )
    own = {"Origin": str(stranger.base_url)}
    assert stranger.post("/sign-out", headers=own).status_code == 401
    forged = stranger.get("/", headers={"Cookie": f"ich-node={'A' * 43}; __Host-ich-node=B"})
    assert forged.status_code == 303


def test_a_part_of_a_page_asks_for_the_page_again(stranger):
    """htmx must not put the sign-in page into the middle of another one."""
    answer = stranger.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


def test_every_answer_has_its_headers(site, stranger):
    with site.signed_in() as client:
        answers = [
            stranger.get("/sign-in"),
            stranger.get("/static/site.css"),
            stranger.get("/", headers={"Host": "evil.example"}),
            client.get("/"),
            client.get("/nothing-here"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 421, 200, 404]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        is_static = answer.url.path.startswith("/static/")
        assert answer.headers["cache-control"] == ("no-cache" if is_static else "no-store")
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:8104", 200),
        ("[::1]:8104", 200),
        ("ich.example", 200),
        ("ich.example:8104", 200),
        ("other.example:8443", 200),
        ("other.example", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("ich.example, evil.example", 421),
        ("<script>", 421),
        ("", 421),
    ],
)
def test_only_known_hosts_are_answered(stranger, host, status):
    answer = stranger.get("/sign-in", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert "hosts in the section [web]" in answer.text
        assert host == "" or host not in answer.text


def test_no_host_at_all(site):
    assert raw(site, b"GET /sign-in HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
    twice = b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert raw(site, twice).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://SELF"},
        {"Origin": "http://SELF.evil.example"},
        {"Origin": "http://SELF", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://SELF", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": "http://SELF/"},
        {},
    ],
)
def test_forms_from_elsewhere_change_nothing(site, headers):
    """Also with the cookie and the CSRF token of a visitor; signing in is such a form, too."""
    own = site.address.removeprefix("http://")
    sent = {name: value.replace("SELF", own) for name, value in headers.items()}
    with site.signed_in() as client:
        session = site.sessions.get(client.cookies["ich-node"], now=site.site.clock())
        for path in ("/sign-out", "/sign-in"):
            answer = client.post(path, data={"csrf": session.csrf}, headers=sent)
            assert answer.status_code == 403
            assert "did not come from a page of this site" in answer.text
        assert client.get("/").url.path == "/"


def test_forms_without_the_csrf_token_change_nothing(site):
    with site.signed_in() as client:
        session = site.sessions.get(client.cookies["ich-node"], now=site.site.clock())
        own = {"Origin": site.address}
        for data in ({}, {"csrf": ""}, {"csrf": "A" * 43}, {"csrf": session.csrf[:-1]}):
            answer = client.post("/sign-out", data=data, headers=own)
            assert answer.status_code == 403
            assert "nothing was changed" in answer.text
        in_file = client.post("/sign-out", files={"csrf": ("a", session.csrf)}, headers=own)
        assert in_file.status_code == 403
        in_address = client.post(f"/sign-out?csrf={session.csrf}", headers=own)
        assert in_address.status_code == 403
        by_header = client.post("/sign-out", headers={**own, "X-CSRF-Token": session.csrf})
        assert by_header.url.path == "/sign-in"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../config.toml",
        "/static/..%2f..%2fconfig.toml",
        "/static/%2e%2e/%2e%2e/page.py",
        "/static/..%5c..%5cpage.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/site.css%00.png",
        "/static/" + "a/" * 500,
    ],
)
def test_nothing_outside_the_static_files_is_sent(site, path):
    answer = raw(
        site, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert re.match(rb"HTTP/1.1 40[04] ", answer), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/series/%00", 400),
        ("/series?study=%00", 400),
        ("/refused/series?rule=a%00b", 400),
        (f"/series/{'9' * 5000}/viewer", 404),
        (f"/series/1/slices/{'9' * 5000}.png", 404),
        (f"/series/1?slice={'9' * 5000}", 200),
        (f"/series?before=20261129T123500.000000Z-{'9' * 30}", 200),
    ],
)
def test_an_address_that_no_database_takes(site, path, status):
    with site.signed_in() as client:
        assert client.get(path).status_code == status


def test_other_methods_are_not_possible(site):
    with site.signed_in() as client:
        answer = client.put("/", headers={"Origin": site.address})
        assert answer.status_code == 405
        assert "answers other requests" in answer.text
        assert client.request("TRACE", "/", headers={"Origin": site.address}).status_code == 405


def test_large_bodies_are_not_read(site):
    own = {"Origin": site.address}
    with site.signed_in() as client:
        answer = client.post(
            "/sign-out", content=b"x" * 16, headers={**own, "Content-Length": "16"}
        )
        assert answer.status_code == 403
        announced = f"Content-Length: {MOST_BYTES + 1}"
        assert raw(
            site,
            f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{announced}"
            "\r\n\r\n".encode(),
        ).startswith(b"HTTP/1.1 413 ")
        form = {**own, "Content-Type": "application/x-www-form-urlencoded"}
        pieces = (b"&a=" + b"x" * 999_997 for _ in range(MOST_BYTES // 1_000_000 + 1))
        answer = client.post("/sign-out", content=pieces, headers=form)
        assert answer.status_code == 413
        assert "More than 10 MB" in answer.text


def test_a_bug_is_answered_with_a_page_and_logged_once(site, monkeypatch, capsys):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Miller^Anna")

    monkeypatch.setattr("ich_node.ledger.operator.OperatorLedger.get", broken)
    with site.signed_in() as client:
        answer = client.get("/series/1")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "Miller" not in answer.text
    assert capsys.readouterr().out.count("page_failed") == 1


def test_who_may_only_look_changes_nothing(site):
    with site.signed_in(Role.LOOK) as client:
        assert "may look" in client.get("/").text
