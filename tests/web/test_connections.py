"""Connections that keep the site waiting, and TLS."""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ich_node.config.config import Config
from ich_node.errors import ConfigError, Unavailable
from ich_node.web import listener, protocol
from ich_node.web.address import address_of, sign_in_address
from ich_node.web.guards import limits
from ich_node.web.guards.limits import AtOnce
from ich_node.web.listener import listener_of
from ich_node.web.tls import certificate_ends, load_certificate, site_context
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.certificates import authority
from tests.support.site import running_site, with_web
from tests.support.standing_clock import START


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with a_busy_day(tmp_path_factory.mktemp("connections")) as path:
        yield path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("ca") / "ca")


def connected(site):
    port = int(site.address.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_cut(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_whoever_keeps_it_waiting_is_cut_off(config, monkeypatch):
    """Before the head of the first request is complete, of a later one, and within a body."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    with running_site(config) as site:
        with connected(site) as silent, connected(site) as half, connected(site) as later:
            half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
            later.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            later.settimeout(0.5)
            while later.recv(65_536)[-7:] != b"</svg>\n":
                pass
            later.settimeout(10)
            later.sendall(b"GET / HTT")
            assert is_cut(silent)
            assert is_cut(half)
            assert is_cut(later)
        with connected(site) as slow:
            slow.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na"
            )
            assert slow.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_one_address_does_not_take_all_connections(config, monkeypatch):
    monkeypatch.setattr(listener, "MOST_OF_ONE_ADDRESS", 3)
    with running_site(config) as site:
        held = [connected(site) for _ in range(4)]
        assert is_cut(held[3])
        port = int(site.address.rpartition(":")[2])
        with socket.create_connection(
            ("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200 ")
        for each in held:
            each.close()


def test_more_requests_than_at_once_are_told_to_come_again():
    """A stream counts apart, from its beginning: it needs no thread. What ends makes room."""

    async def runs() -> list[int]:
        release, statuses = asyncio.Event(), []

        async def app(scope, _receive, send):
            kind = b"text/event-stream" if scope["path"] == "/stream" else b"text/html"
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": [(b"content-type", kind)]})
            await release.wait()

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        guarded = AtOnce(app)

        def ask(path):
            headers = [(b"accept", b"text/event-stream")] if path == "/stream" else []
            scope = {"type": "http", "path": path, "headers": headers, "method": "GET"}
            return asyncio.create_task(guarded(scope, None, send))

        tasks = [ask("/stream") for _ in range(limits.MOST_STREAMS)]
        await asyncio.sleep(0)
        tasks += [ask("/") for _ in range(limits.MOST_AT_ONCE)]
        await asyncio.sleep(0)
        assert statuses == [200] * len(tasks)
        await asyncio.gather(ask("/"), ask("/stream"))
        assert statuses[len(tasks) :] == [503, 503]
        release.set()
        await asyncio.gather(*tasks)
        await ask("/")
        return statuses

    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has the loop of this one
        assert thread.submit(lambda: asyncio.run(runs())).result()[-1] == 200


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = with_web(Config(), port=taken.getsockname()[1]).web
        with pytest.raises(
            Unavailable, match=r"\[web\] the site cannot listen on 127.0.0.1:\d+: A"
        ):
            listener_of(settings)


def test_the_site_over_tls(config, certificates):
    """TLS 1.2 and 1.3 alone; the cookie is for TLS; a new certificate counts from now on."""
    first = certificates.issue("/CN=ich", name="first")
    own = {"certificate": first.certificate, "key": first.key, "identifiers": True}
    trusted = ssl.create_default_context(cafile=str(certificates.ca))
    with (
        running_site(config, **own) as site,
        httpx.Client(base_url=site.address, verify=trusted) as client,
    ):
        token = site.site.config().web.look_token_file.read_text()
        headers = {"Origin": site.address}
        answer = client.post("/sign-in", data={"name": "Ada", "token": token}, headers=headers)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-ich-node=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
        assert client.get("/").status_code == 200
        plain = headers | {"Origin": site.address.replace("https", "http")}
        assert client.post("/sign-in", data={}, headers=plain).status_code == 403
        with connected(site) as unencrypted:
            unencrypted.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert is_cut(unencrypted)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with connected(site) as connection, pytest.raises(ssl.SSLError):
            old.wrap_socket(connection)


def test_a_certificate_that_cannot_be_used(certificates, tmp_path):
    first = certificates.issue("/CN=ich", name="one")
    second = certificates.issue("/CN=ich", name="two")
    over = certificates.issue("/CN=ich", name="over", days=-1)

    def settings(certificate, key):
        return with_web(Config(), certificate=certificate, key=key).web

    good = settings(first.certificate, first.key)
    context = site_context(good)
    assert context is not None
    for certificate, key, words in (
        (tmp_path / "no.pem", first.key, r"\[web\] certificate: cannot read .*no.pem: No such"),
        (first.certificate, tmp_path / "no.key", r"\[web\] key: cannot read .*no.key: No such"),
        (first.certificate, second.key, r"cannot be used together"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_certificate(context, settings(certificate, key))
    load_certificate(context, settings(second.certificate, second.key))
    with pytest.raises(ConfigError, match=r"\[web\] certificate: .*over.pem has expired"):
        certificate_ends(settings(over.certificate, over.key), now=START.now(START.tzinfo))
    assert certificate_ends(good, now=START.now(START.tzinfo)) > START.now(START.tzinfo)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8104"),
        ({"bind_address": "::1"}, "http://[::1]:8104"),
        ({"hosts": ("ich.example",), "certificate": "a", "key": "b"}, "https://ich.example:8104"),
        ({"hosts": ("ich.example:444",), "certificate": "a"}, "https://ich.example:444"),
        ({"hosts": ("ich.example",), "proxies": ("10.1.2.4",)}, "https://ich.example"),
        ({"hosts": ("[::1]",)}, "http://[::1]:8104"),
    ],
)
def test_the_address_that_browsers_use(settings, address):
    web = with_web(Config(), **settings).web
    assert address_of(web) == address
    assert sign_in_address(web, "a-b", "Ada L") == f"{address}/sign-in#token=a-b&name=Ada%20L"
