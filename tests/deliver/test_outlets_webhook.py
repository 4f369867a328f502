"""Webhooks: signed, without identifiers by default, the same message however often it is tried."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import standardwebhooks

from ich_node.answer import Answer
from ich_node.config.destinations import WebhookDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import echo
from ich_node.deliver.outlets.webhook import body_of
from ich_node.deliver.retry import RETRY_FOR
from ich_node.ledger import DeliveryState
from ich_node.network.tls import server_context
from tests.support.certificates import authority
from tests.support.node import open_node
from tests.support.notifications import HOLE, METAL, notification, without_secrets
from tests.support.notifying import NotifyingNode
from tests.support.peers import free_port
from tests.support.standing_clock import START
from tests.support.web_receiver import WebReceiver, web_receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NotifyingNode]:
    with open_node(tmp_path, NotifyingNode) as opened:
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


def test_what_arrives_is_signed_and_names_nobody(node, service, hook):
    """The body is JSON with the answer and without the patient; the signature is what Standard
    Webhooks says it is.
    """
    notified = node.owe("worklist")
    node.sender(hook(service.url)).send_due()
    assert node.states() == [DeliveryState.SENT]
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


def test_the_reference_library_verifies_it_and_no_other(node, service, hook):
    """As a receiver would: the same secret accepts, another body or another secret does not."""
    node.clock.now = datetime.now(UTC)  # it refuses what is older than five minutes
    node.owe("worklist")
    node.sender(hook(service.url)).send_due()
    (request,) = service.requests
    receiver = standardwebhooks.Webhook(SECRET)
    assert receiver.verify(request.body, request.headers)["data"]["finding"] == "suspected"
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="No matching signature"):
        receiver.verify(request.body.replace(b"suspected", b"not_found"), request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="No matching signature"):
        standardwebhooks.Webhook(base64.b64encode(bytes(32)).decode()).verify(
            request.body, request.headers
        )


def test_an_undetermined_answer_says_what_is_missing():
    """An event of its own, beside the answer in the words of `read --json`."""
    undetermined = replace(
        notification(positive=False),
        series_answer=Answer.UNDETERMINED,
        missing=(HOLE,),
        warnings=(METAL,),
    )
    event = json.loads(body_of(undetermined, identifiers=False))
    assert event["type"] == "hemorrhage.undetermined"
    assert (event["data"]["answer"], event["data"]["finding"]) == ("undetermined", "undetermined")
    assert event["data"]["missing"] == [
        {
            "part": "hole",
            "detail": HOLE.detail,
            "from_mm": 60.0,
            "to_mm": 155.0,
            "slices": 18,
            "instance_numbers": [12, 32],
        }
    ]
    assert event["data"]["warnings"] == [{"kind": "metal", "detail": METAL.detail}]


def test_with_identifiers_the_order_is_in_it():
    """Only then."""
    assert (
        json.loads(body_of(notification(), identifiers=True))["data"]["identifiers"][
            "accession_number"
        ]
        == "ACC-0815"
    )
    assert without_secrets(body_of(notification(), identifiers=False))


def test_a_retry_is_the_same_message_at_another_time(node, service, hook):
    """webhook-id and body stay; webhook-timestamp and the signature are new, so that a receiver may
    refuse old ones.
    """
    node.owe("worklist")
    service.answer = lambda _: (503, {}, b"")
    sender = node.sender(hook(service.url))
    sender.send_due()
    assert "answers 503: it has a problem of its own" in node.detail()
    service.answer = lambda _: (200, {}, b"ok")
    node.clock.now += timedelta(seconds=30)
    sender.send_due()
    first, second = service.requests
    assert node.states() == [DeliveryState.SENT]
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
def test_any_other_status_is_not_sent(node, service, hook, status, words):
    """It waits with the reason, in which nobody is named, and is given up after 24 hours. A
    redirect is never followed.
    """
    node.owe("worklist")
    elsewhere = {"location": service.url.replace("/hook", "/elsewhere")}
    service.answer = lambda _: (status, elsewhere, b"no series ACC-0815\nof Zuzana")
    sender = node.sender(hook(service.url))
    sender.send_due()
    assert node.states() == [DeliveryState.PENDING]
    assert words in node.detail()
    assert {request.path for request in service.requests} == {"/hook"}
    node.clock.now = START + RETRY_FOR
    sender.send_due()
    assert node.states() == [DeliveryState.FAILED]


def test_a_message_that_is_already_there_is_sent(node, service, hook):
    """The first answer was lost, and the receiver says that it has this message. Another conflict
    is a refusal.
    """
    notified = node.owe("worklist")
    service.answer = lambda _: (409, {}, b"another person edits this study")
    sender = node.sender(hook(service.url))
    sender.send_due()
    assert "status 409 (another person edits this study)" in node.detail()
    text = f'{{"error": "webhook-id msg_{notified.uid} already received"}}'
    service.answer = lambda _: (409, {}, text.encode())
    node.clock.now += timedelta(minutes=1)
    sender.send_due()
    assert node.states() == [DeliveryState.SENT]
    assert node.detail() == "already there: status 409"


def test_a_service_that_says_nothing_or_too_much(node, service, hook):
    """Time and size are limited."""
    node.owe("worklist")
    is_over = threading.Event()
    service.answer = lambda _: (204 if is_over.wait(10) else 500, {}, b"")
    sender = node.sender(hook(service.url, timeout_seconds=0.3))
    sender.send_due()
    is_over.set()
    assert "does not answer within 0.3 s" in node.detail()
    service.answer = lambda _: (200, {}, b"x" * 2_000_000)
    node.clock.now += timedelta(minutes=1)
    sender.send_due()
    assert node.states() == [DeliveryState.PENDING]
    assert "the answer has more than 1048576 bytes" in node.detail()


def test_nobody_there(node, hook):
    """The reason is that of the operating system."""
    node.owe("worklist")
    node.sender(hook(f"http://127.0.0.1:{free_port()}/hook")).send_due()
    assert "nothing answers: Connection refused" in node.detail()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must hold one line"),
        ("c2hvcnQ=", "must hold 24 to 64 random bytes in Base64: `openssl rand -base64 32`"),
        ("not base64 at all, but long enough for that!", "must hold 24 to 64 random bytes"),
    ],
)
def test_a_secret_that_is_none_is_a_sentence_without_it(
    node, service, hook, secret_file, content, words
):
    """The message waits; nothing unsigned goes out, and the secret is in no detail."""
    node.owe("worklist")
    secret_file.write_text(content)
    node.sender(hook(service.url)).send_due()
    assert words in node.detail()
    assert service.requests == []
    assert not content or content not in node.detail()
    secret_file.unlink()
    node.clock.now += timedelta(minutes=1)
    node.sender(hook(service.url)).send_due()
    assert "cannot read" in node.detail()


def test_over_tls_by_our_authority_and_no_other(node, hook, tmp_path):
    """https:// with the certificate of [tls] ca, or of the destination's own ca; a stranger's is
    refused in words.
    """
    ours, others = authority(tmp_path / "ours"), authority(tmp_path / "others")
    own, theirs = ours.issue("/CN=ichnode"), others.issue("/CN=worklist")
    tls = TlsSettings(certificate=own.certificate, key=own.key, ca=ours.ca)
    # asks us for ours, too
    their_tls = TlsSettings(certificate=theirs.certificate, key=theirs.key, ca=ours.ca)
    node.owe("worklist")
    with web_receiver(context=server_context(their_tls)) as service:
        node.sender(hook(service.url), tls=tls).send_due()
        assert (
            "TLS fails: certificate refused: unable to get local issuer certificate"
            in node.detail()
        )
        node.clock.now += timedelta(seconds=30)
        node.sender(hook(service.url), tls=TlsSettings()).send_due()
        assert "TLS fails: certificate refused" in node.detail(), "the system trusts no stranger"
        assert service.requests == []
        node.clock.now += timedelta(minutes=5)
        node.sender(hook(service.url, ca=others.ca), tls=tls).send_due()
        assert node.states() == [DeliveryState.SENT]
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
