"""Who comes in: with a token, or by the word of a reverse proxy."""

from datetime import timedelta

import httpx
import pytest

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.errors import ConfigError
from ich_node.web.attempts import MOST_ADDRESSES, Attempts
from ich_node.web.tokens import Tokens
from ich_node.web.visitor import Role
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.browser import needs_chromium, violations
from tests.support.command_line import ich_node
from tests.support.site import running_site, with_web
from tests.support.standing_clock import Clock

PROXY = {"user_header": "X-Forwarded-User", "proxies": ("127.0.0.1",), "operators": ("alice",)}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with a_busy_day(tmp_path_factory.mktemp("entrance")) as path:
        yield path


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site(config, clock):
    with running_site(config, clock=clock) as running:
        yield running


@pytest.fixture
def proxied(config, clock):
    with running_site(config, clock=clock, identifiers=True, **PROXY) as running:
        yield running


@pytest.fixture
def stranger(site):
    with httpx.Client(base_url=site.address, headers={"Origin": site.address}) as client:
        yield client


def token(site, role):
    return Tokens(site.site.config).token(role)


def sign_in(client, given, name="Ada Lovelace", **fields):
    return client.post("/sign-in", data={"name": name, "token": given, **fields})


def journal(site, count=1):
    newest = site.site.ledger.audit.newest(limit=count)
    return [(each.who, each.address, each.action, each.outcome, each.detail) for each in newest]


@pytest.mark.parametrize("role", list(Role))
def test_the_token_says_who_may_operate(site, stranger, role):
    answer = sign_in(stranger, f" {token(site, role)}\n", next="/series/1?a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/series/1?a=b")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("ich-node=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    page = stranger.get("/").text
    assert "Ada Lovelace" in page
    assert f"may {role}" in page
    assert journal(site) == [("Ada Lovelace", "127.0.0.1", "sign in", "done", f"token, {role}")]


@pytest.mark.parametrize("given", ["", "x", "x" * 5000, "ä" * 43, "\0"])
def test_a_wrong_token_does_not(site, stranger, given):
    answer = sign_in(stranger, given)
    assert answer.status_code == 403
    assert "no token of this node" in answer.text
    assert "set-cookie" not in answer.headers
    assert 'value="Ada Lovelace"' in answer.text
    assert journal(site) == [
        ("Ada Lovelace", "127.0.0.1", "sign in", "refused", "wrong token"),
    ]


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "Ada\0", "Ada\x1b[2J", "‮Ada"])
def test_the_journal_needs_a_name(site, stranger, name):
    answer = sign_in(stranger, token(site, Role.LOOK), name=name)
    assert answer.status_code == 422
    assert "up to 64 characters" in answer.text


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/\r\nX: y"]
)
def test_nobody_is_sent_elsewhere(site, stranger, to):
    assert sign_in(stranger, token(site, Role.LOOK), next=to).headers["location"] == "/"
    page = stranger.get("/sign-in", params={"next": to}).text
    assert '<input type="hidden" name="next" value="/">' in page


def test_who_guesses_waits_longer_each_time(site, stranger, clock):
    for _ in range(5):
        assert sign_in(stranger, "guess").status_code == 403
    forwarded = {"X-Forwarded-For": "10.9.9.9", "Forwarded": "for=10.9.9.9"}
    stranger.headers.update(forwarded)
    for seconds in (2, 4, 8, 16):
        answer = sign_in(stranger, token(site, Role.LOOK))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, str(seconds))
        assert f"Try again in {seconds} seconds" in answer.text
        clock.now += timedelta(seconds=seconds)
        assert sign_in(stranger, "guess").status_code == 403
    assert len(journal(site, count=100)) >= 9  # those that waited are not looked at
    clock.now += timedelta(seconds=32)
    assert sign_in(stranger, token(site, Role.LOOK)).status_code == 303
    assert sign_in(stranger, "guess").status_code == 403


def test_attempts_are_bounded():
    """Neither more addresses nor more wrong tokens take more memory, or a wait without end."""
    attempts, now = Attempts(), Clock().now
    for number in range(MOST_ADDRESSES + 500):
        attempts.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", now=now)
    assert len(attempts._failures) == MOST_ADDRESSES
    for number in range(2000):
        attempts.failed(f"2001:db8::{number:x}", now=now)
    assert attempts.wait("2001:db8::ffff:1", now=now) == timedelta(minutes=5)
    assert attempts.wait("2001:db8:0:1::1", now=now) == timedelta(0)
    assert attempts.wait("2001:db8::1", now=now - timedelta(days=1)) == timedelta(minutes=5)
    assert attempts.wait("2001:db8::1", now=now + timedelta(minutes=5)) == timedelta(0)


def test_sessions_end(site, stranger, clock):
    """After session_hours, by signing out, and when the token is another one."""
    sign_in(stranger, token(site, Role.LOOK))
    clock.now += timedelta(hours=11, minutes=59)
    assert stranger.get("/").status_code == 200
    clock.now += timedelta(minutes=1)
    assert stranger.get("/").status_code == 303
    sign_in(stranger, token(site, Role.LOOK))
    before = stranger.cookies["ich-node"]
    assert site.post(stranger, "/sign-out").headers["location"] == "/sign-in"
    assert journal(site) == [("Ada Lovelace", "127.0.0.1", "sign out", "done", "")]
    stranger.cookies.set("ich-node", before)
    assert stranger.get("/").status_code == 303
    stranger.cookies.clear()
    sign_in(stranger, token(site, Role.OPERATE))
    path = site.site.config().web.operate_token_file
    path.write_text("B" * 43)
    assert stranger.get("/").status_code == 303
    assert sign_in(stranger, "B" * 43).status_code == 303
    path.unlink()
    assert stranger.get("/").status_code == 303
    assert sign_in(stranger, "B" * 43).status_code == 403


def test_tokens_are_made_and_private(tmp_path):
    look, operate = tmp_path / "var/look.token", tmp_path / "var/operate.token"
    config = with_web(Config(), look_token_file=look, operate_token_file=operate)
    tokens = Tokens(lambda: config)
    tokens.make_missing()
    made = [path.read_text().strip() for path in (look, operate)]
    assert [tokens.role_of(each) for each in made] == [Role.LOOK, Role.OPERATE]
    assert [len(each) for each in made] == [43, 43]
    assert {path.stat().st_mode & 0o777 for path in (look, operate)} == {0o600}
    tokens.make_missing()
    assert [path.read_text().strip() for path in (look, operate)] == made
    look.write_text(made[1])
    with pytest.raises(ConfigError, match="the same token"):
        tokens.make_missing()
    look.write_text("1234")
    with pytest.raises(ConfigError, match="not a token of 20 to 200 characters"):
        tokens.make_missing()
    look.write_text(made[0])
    look.chmod(0o644)
    with pytest.raises(ConfigError, match=r"\[web\] look_token_file: every user .*chmod 600"):
        tokens.make_missing()
    assert tokens.role_of(made[0]) is None


def visit(site, path="/", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=site.address) as client:
        return client.get(path, headers=named)


def test_the_proxy_names_the_user(proxied):
    for user, role in (("alice", "operate"), ("bob", "look")):
        answer = visit(proxied, X_Forwarded_User=user, X_Forwarded_For="6.6.6.6, 10.1.2.3")
        assert answer.status_code == 200
        assert f'<span class="person">{user}</span>' in answer.text
        assert f"may {role}" in answer.text
        assert answer.headers["set-cookie"].startswith("ich-node=")
        assert journal(proxied) == [(user, "10.1.2.3", "sign in", "done", f"proxy, {role}")]


def test_a_session_of_the_proxy_is_that_users(proxied):
    """A cookie that another user of the proxy sends is none; one without the header neither."""
    with httpx.Client(base_url=proxied.address) as client:
        client.get("/", headers={"X-Forwarded-User": "alice"})
        count = len(journal(proxied, 100))
        assert client.get("/", headers={"X-Forwarded-User": "alice"}).status_code == 200
        assert len(journal(proxied, 100)) == count
        page = client.get("/", headers={"X-Forwarded-User": "bob"}).text
        assert "may look" in page
        assert client.get("/").status_code == 303


@pytest.mark.parametrize("user", ["", "x" * 65, "a\tb\x7f", "\xff\xfe"])
def test_no_name_is_no_user(proxied, user):
    with httpx.Client(base_url=proxied.address) as client:
        headers = [(b"X-Forwarded-User", user.encode("latin-1"))]
        assert client.get("/", headers=headers).status_code == 303
        twice = [(b"X-Forwarded-User", b"alice"), (b"X-Forwarded-User", b"bob")]
        assert client.get("/", headers=twice).status_code == 303


def test_headers_of_others_count_for_nothing(site):
    """The proxy is elsewhere: whoever else sends its headers is a stranger."""
    answer = visit(site, X_Forwarded_User="alice", X_Forwarded_Proto="https")
    assert answer.status_code == 303
    with site.signed_in() as client:
        client.headers.update({"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.9.9.9"})
        assert site.post(client, "/sign-out").status_code == 200
    assert journal(site)[0][1] == "127.0.0.1"


def test_forms_by_a_proxy_with_tls(proxied):
    own = proxied.address.replace("http://", "https://")
    with httpx.Client(base_url=proxied.address) as client:
        client.headers.update({"X-Forwarded-User": "alice", "X-Forwarded-Proto": "https"})
        answer = client.get("/")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-ich-node=")
        assert cookie.endswith("; HttpOnly; SameSite=Strict; Secure")
        value = cookie.split(";")[0].partition("=")[2]
        session = proxied.sessions.get(value, now=proxied.site.clock())
        client.headers["Cookie"] = f"__Host-ich-node={value}"
        for origin, status in ((proxied.address, 403), (own, 303)):
            headers = {"Origin": origin}
            answer = client.post("/sign-out", data={"csrf": session.csrf}, headers=headers)
            assert answer.status_code == status


def test_web_address_prints_the_address_with_the_token(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[web]\nport = 8204\n")
    done = ich_node("web-address", config=config)
    assert done.exit_code == 1
    assert "the site makes it when it starts" in done.stderr
    tokens = Tokens(lambda: load_config(config).config)
    tokens.make_missing()
    for options, role, more in (
        ((), Role.OPERATE, ""),
        (("--look", "--name", "Ada L"), Role.LOOK, "&name=Ada%20L"),
    ):
        done = ich_node("web-address", *options, config=config)
        token_of_role = tokens.token(role)
        assert done.stdout == f"http://127.0.0.1:8204/sign-in#token={token_of_role}{more}\n"


@needs_chromium
def test_an_address_with_a_token_signs_in(browser, site):
    """The script fills in the form and sends it; nothing of the token stays in the history."""
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    given = token(site, Role.OPERATE)
    page.goto(f"/series?state=done#token={given}")
    assert page.input_value("[name=token]") == given
    assert given not in page.url
    page.fill("[name=name]", "Ada")
    page.keyboard.press("Enter")
    page.wait_for_url("**/series?state=done")
    page.click("text=Sign out")
    page.wait_for_url("**/sign-in")
    assert violations(page) == []
    page.goto(f"/sign-in#token={given}&name=Grace%20H")
    page.wait_for_url(f"{site.address}/")
    assert page.inner_text(".person") == "Grace H"
    page.goto("/nothing-here")
    assert violations(page) == []
    context.close()
