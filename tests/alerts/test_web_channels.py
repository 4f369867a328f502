"""Webhooks and Apprise, with a real receiver."""

import base64
import json
import sys

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ich_node.alerts.channels import open_channel
from ich_node.config.alerts import AppriseAlert, WebhookAlert
from ich_node.errors import ConfigError, PeerUnavailable
from tests.support.web_receiver import web_receiver

# apprise imports a module of Python that is going
pytestmark = pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def hook(url, secret_file, **settings):
    given = {"name": "monitoring", "kind": "webhook", "url": url, "secret_file": secret_file}
    return open_channel(WebhookAlert(**{**given, **settings}))


def test_a_webhook_is_signed_and_says_what_people_read(secret_file, message):
    with web_receiver() as service:
        answer = hook(service.url, secret_file).tell(message)
    (request,) = service.requests
    sent = Webhook(SECRET).verify(request.body, request.headers)
    assert (sent["type"], sent["timestamp"]) == ("alert.troubles", message.at.isoformat())
    assert sent["data"] == {
        "title": message.title,
        "text": message.text,
        "host": "ich1",
        "begun": [],
    }
    assert request.headers["webhook-id"] == "msg_alert_1"
    assert answer == f"{service.url.removesuffix('/hook')} answers 204"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", request.headers)


def test_a_webhook_over_tls_is_verified(secret_file, message, server_tls, trusted):
    with web_receiver(context=server_tls) as service:
        hook(service.url, secret_file, ca=trusted.ca).tell(message)
        with pytest.raises(PeerUnavailable, match="TLS fails: certificate refused"):
            hook(service.url, secret_file).tell(message)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "answers 500: it has a problem of its own"), (400, "refuses it: status 400")],
)
def test_an_answer_that_is_no_success_is_a_failure(secret_file, message, status, words):
    with web_receiver() as service:
        service.answer = lambda _: (status, {}, b"")
        with pytest.raises(PeerUnavailable, match=words):
            hook(service.url, secret_file).tell(message)


def test_a_secret_that_cannot_be_used_is_named_and_not_quoted(secret_file, message):
    secret_file.write_text("short")
    channel = hook("http://127.0.0.1:1/", secret_file)
    for use in (channel.require_own_files, lambda: channel.tell(message)):
        with pytest.raises(ConfigError, match=r"\[\[alerts\]\] monitoring: secret_file: ") as told:
            use()
        assert "must hold 24 to 64 random bytes" in told.value.detail


@pytest.fixture
def service_of(tmp_path):
    def make(url):
        path = tmp_path / "url"
        path.write_text(f"{url}\n")
        return open_channel(AppriseAlert(name="chat", kind="apprise", url_file=path))

    return make


def test_apprise_tells_the_service_of_its_url(service_of, message):
    with web_receiver() as service:
        place = service.url.removeprefix("http://")
        answer = service_of(f"json://user:geheim@{place}?format=text").tell(message)
        body = json.loads(service.requests[0].body)
        assert (body["title"], body["message"].strip()) == (message.title, message.text.strip())
        assert answer == "JSON takes it"
        service.answer = lambda _: (503, {}, b"")
        with pytest.raises(PeerUnavailable, match=r"does not take it: Failed .*503") as told:
            service_of(f"json://user:geheim@{place}").tell(message)
    assert "geheim" not in told.value.detail


@pytest.mark.parametrize("url", ["unknown://user:geheim@host", "json://a, json://b"])
def test_a_url_that_apprise_does_not_know_is_never_quoted(service_of, message, url, caplog, capfd):
    channel = service_of(url)
    for use in (channel.require_own_files, lambda: channel.tell(message)):
        with pytest.raises(ConfigError, match="must hold one URL that Apprise knows") as told:
            use()
        assert "geheim" not in told.value.detail
    assert "geheim" not in caplog.text + "".join(capfd.readouterr())


def test_without_the_extra_the_way_to_it_is_said(service_of, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r'needs a package: pip install "ich-node\[apprise\]"'):
        service_of("json://127.0.0.1:1").tell(message)
