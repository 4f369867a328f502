"""Webhooks: signed, without identifiers by default, the same message however often it is tried."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import standardwebhooks

from ich_node.config.destinations import WebhookDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import echo
from ich_node.deliver.outlets.webhook import body_of
from ich_node.deliver.retry import RETRY_FOR
from ich_node.ledger import DeliveryState
from ich_node.network.tls import server_context
from tests.support.certificates import authority
from tests.support.outlets import (
    Bench,
    WebReceiver,
    notification,
    opened_bench,
    web_receiver,
    without_secrets,
)
from tests.support.peers import free_port
from tests.support.standing_clock import START

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened_bench(tmp_path) as opened:
        yield opened


@pytest.fixture
def service() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def hook(secret_file):
    return lambda url, **settings: WebhookDestination(
        **{
            "name": "worklist",
            "kind": "webhook",
            "url": url,
            "secret_file": secret_file,
            "timeout_seconds": 5,
            **settings,
        }
    )


def test_what_arrives_is_signed_and_names_nobody(bench, service, hook):
    """The body is JSON with the answer and without the patient; the signature is what Standard
    Webhooks says it is.
    """
    notified = bench.finish("worklist")
    bench.sender(hook(service.url)).send_due()
    assert bench.states() == [DeliveryState.SENT]
    (request,) = service.requests
    assert without_secrets(request.body.decode(), str(request.headers), request.path)
    assert request.json["type"] == "hemorrhage.suspected"
    assert request.json["data"]["series_probability"] == 0.97
    assert request.json["data"]["study_instance_uid"] == notified.study_instance_uid
    signed = (
        b".".join(request.headers[name].encode() for name in ("webhook-id", "webhook-timestamp"))
        + b"."
        + request.body
    )
    expected = base64.b64encode(hmac.digest(bytes(range(32)), signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["webhook-timestamp"] == str(int(START.timestamp()))


def test_the_reference_library_verifies_it_and_no_other(bench, service, hook):
    """As a receiver would: the same secret accepts, another body or another secret does not."""
    bench.clock.now = datetime.now(UTC)  # it refuses what is older than five minutes
    bench.finish("worklist")
    bench.sender(hook(service.url)).send_due()
    (request,) = service.requests
    receiver = standardwebhooks.Webhook(SECRET)
    assert receiver.verify(request.body, request.headers)["data"]["finding"] == "suspected"
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="No matching signature"):
        receiver.verify(request.body.replace(b"suspected", b"not_found"), request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="No matching signature"):
        standardwebhooks.Webhook(base64.b64encode(bytes(32)).decode()).verify(
            request.body, request.headers
        )


def test_with_identifiers_the_order_is_in_it():
    """Only then."""
    assert (
        json.loads(body_of(notification(), identifiers=True))["data"]["identifiers"][
            "accession_number"
        ]
        == "ACC-0815"
    )
    assert without_secrets(body_of(notification(), identifiers=False))


def test_a_retry_is_the_same_message_at_another_time(bench, service, hook):
    """webhook-id and body stay; webhook-timestamp and the signature are new, so that a receiver may
    refuse old ones.
    """
    bench.finish("worklist")
    service.answer = lambda _: (503, {}, b"")
    sender = bench.sender(hook(service.url))
    sender.send_due()
    assert "answers 503: it has a problem of its own" in bench.detail()
    service.answer = lambda _: (200, {}, b"ok")
    bench.clock.now += timedelta(seconds=30)
    sender.send_due()
    first, second = service.requests
    assert bench.states() == [DeliveryState.SENT]
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 30
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "the peer refuses the notification: status 400 (no series *** of ***)"),
        (422, "the peer refuses the notification: status 422 (no series *** of ***)"),
        (401, "answers 401: it does not accept our credentials"),
        (404, "answers 404: it knows no such address: correct url"),
        (410, "answers 410: it is gone for good, it says: remove this destination"),
        (429, "answers 429: it gets too many requests"),
        (500, "answers 500: it has a problem of its own"),
        (302, "answers 302, a redirect, which is not followed: correct url"),
        (308, "answers 308, a redirect, which is not followed: correct url"),
    ],
)
def test_any_other_status_is_not_sent(bench, service, hook, status, words):
    """It waits with the reason, in which nobody is named, and is given up after 24 hours. A
    redirect is never followed.
    """
    bench.finish("worklist")
    elsewhere = {"location": service.url.replace("/hook", "/elsewhere")}
    service.answer = lambda _: (status, elsewhere, b"no series ACC-0815\nof Zuzana")
    sender = bench.sender(hook(service.url))
    sender.send_due()
    assert bench.states() == [DeliveryState.PENDING]
    assert words in bench.detail()
    assert {request.path for request in service.requests} == {"/hook"}
    bench.clock.now = START + RETRY_FOR
    sender.send_due()
    assert bench.states() == [DeliveryState.FAILED]


def test_a_service_that_says_nothing_or_too_much(bench, service, hook):
    """Time and size are limited."""
    bench.finish("worklist")
    is_over = threading.Event()
    service.answer = lambda _: (204 if is_over.wait(10) else 500, {}, b"")
    sender = bench.sender(hook(service.url, timeout_seconds=0.3))
    sender.send_due()
    is_over.set()
    assert "does not answer within 0.3 s" in bench.detail()
    service.answer = lambda _: (200, {}, b"x" * 2_000_000)
    bench.clock.now += timedelta(minutes=1)
    sender.send_due()
    assert bench.states() == [DeliveryState.PENDING]
    assert "the answer has more than 1048576 bytes" in bench.detail()


def test_nobody_there(bench, hook):
    """The reason is that of the operating system."""
    bench.finish("worklist")
    bench.sender(hook(f"http://127.0.0.1:{free_port()}/hook")).send_due()
    assert "nothing answers: Connection refused" in bench.detail()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must hold one line"),
        ("c2hvcnQ=", "must hold 24 to 64 random bytes in Base64: `openssl rand -base64 32`"),
        ("not base64 at all, but long enough for that!", "must hold 24 to 64 random bytes"),
    ],
)
def test_a_secret_that_is_none_is_a_sentence_without_it(
    bench, service, hook, secret_file, content, words
):
    """The message waits; nothing unsigned goes out, and the secret is in no detail."""
    bench.finish("worklist")
    secret_file.write_text(content)
    bench.sender(hook(service.url)).send_due()
    assert words in bench.detail()
    assert service.requests == []
    assert not content or content not in bench.detail()
    secret_file.unlink()
    bench.clock.now += timedelta(minutes=1)
    bench.sender(hook(service.url)).send_due()
    assert "cannot read" in bench.detail()


def test_over_tls_by_our_authority_and_no_other(bench, hook, tmp_path):
    """https:// with the certificate of [tls] ca, or of the destination's own ca; a stranger's is
    refused in words.
    """
    ours, others = authority(tmp_path / "ours"), authority(tmp_path / "others")
    own, theirs = ours.issue("/CN=ichnode"), others.issue("/CN=worklist")
    tls = TlsSettings(certificate=own.certificate, key=own.key, ca=ours.ca)
    # asks us for ours, too
    their_tls = TlsSettings(certificate=theirs.certificate, key=theirs.key, ca=ours.ca)
    bench.finish("worklist")
    with web_receiver(context=server_context(their_tls)) as service:
        bench.sender(hook(service.url), tls=tls).send_due()
        assert (
            "TLS fails: certificate refused: unable to get local issuer certificate"
            in bench.detail()
        )
        bench.clock.now += timedelta(seconds=30)
        bench.sender(hook(service.url), tls=TlsSettings()).send_due()
        assert "TLS fails: certificate refused" in bench.detail(), "the system trusts no stranger"
        assert service.requests == []
        bench.clock.now += timedelta(minutes=5)
        bench.sender(hook(service.url, ca=others.ca), tls=tls).send_due()
        assert bench.states() == [DeliveryState.SENT]
        assert len(service.requests) == 1


def test_echo_sends_a_signed_ping(service, hook):
    """A receiver can be set up before there is a reading."""
    answered = echo(hook(service.url), "ICHNODE")
    assert answered.ok, answered.words
    assert "answers a signed ping with 204" in answered.words
    (request,) = service.requests
    assert (request.json["type"], request.json["data"]) == ("ping", {})
    service.answer = lambda _: (400, {}, b"")
    assert "answers a signed ping with 400" in echo(hook(service.url), "ICHNODE").words
