"""Verdicts that other systems send to the site: only who knows the secret is heard, and once."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from ich_node.ledger import WEBHOOK, tables
from tests.documents.states.a_busy_day import ROOT
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.site import running_site

SECRET = base64.b64encode(bytes(range(32))).decode()
SERIES = f"{ROOT}.1002.70002"  # job 2: present
GOOD = {"series_uid": SERIES, "bleeding": True, "type": ["subdural"], "who": "reader 2"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdicts")
    with a_busy_day(folder) as config:
        secret = folder / "verdicts.secret"
        secret.write_text(f"whsec_{SECRET}\n", encoding="utf-8")
        example = folder / "example"
        example.mkdir()
        (example / "verdicts.secret").write_text(f"{SECRET}\n", encoding="utf-8")
        with config.open("a", encoding="utf-8") as file:
            file.write(f'[verdicts]\nsecret_file = "{secret}"\n')
        with running_site(config) as running:
            yield running


@pytest.fixture
def site(running):
    """Without verdicts, and with an empty journal."""
    yield running
    with running.site.ledger.database.write() as connection:
        for table in (tables.verdicts, tables.audit_events):
            connection.execute(sa.delete(table))


def message(*verdicts, at=None, **changes):
    document = {
        "type": "verdicts",
        "timestamp": (at or datetime.now(UTC)).isoformat(),
        "data": {"verdicts": list(verdicts)},
    }
    return json.dumps(document | changes).encode()


def signature(message_id, timestamp, body, secret=SECRET):
    """As the specification says, and not as the library that the node uses."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def headers_for(body, *, message_id=None, at=None, secret=SECRET):
    message_id = message_id or f"msg_{secrets.token_hex(8)}"
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(message_id, timestamp, body, secret),
    }


def send(site, body, **signed):
    headers = headers_for(body, **signed)
    return httpx.post(f"{site.address}/verdicts", content=body, headers=headers)


def verdicts(site, job_id=2):
    return site.site.ledger.verdicts.of_job(job_id)


def test_a_signed_verdict_is_noted(site):
    said_at = datetime.now(UTC) - timedelta(hours=2)
    answer = send(site, message(GOOD, at=said_at), message_id="msg_1")
    assert answer.status_code == 200
    assert answer.json() == {
        "noted": {"new": 1},
        "jobs": [2],
        "unmatched": [],
        "repeated": False,
    }
    (verdict,) = verdicts(site)
    assert (verdict.bleeding, verdict.type, verdict.who) == (True, "subdural", "reader 2")
    assert (verdict.origin, verdict.origin_uid, verdict.at) == (WEBHOOK, "msg_1", said_at)
    event = site.site.ledger.audit.newest()[0]
    assert (event.who, event.action, event.target) == ("webhook", "verdicts", "message msg_1")
    assert event.address == "127.0.0.1"


def test_an_accession_number_finds_the_series_of_the_study(site):
    """The same words as in a table; what is about no series that was received is named."""
    rows = [
        {"accession": "ACC-1002", "bleeding": "no", "who": "reader 1"},
        {"study_uid": "1.2.3", "bleeding": None, "who": "reader 1"},
    ]
    answer = send(site, message(*rows)).json()
    assert (answer["jobs"], answer["unmatched"]) == ([2], [2])
    assert verdicts(site)[0].bleeding is False


def test_forged_messages_change_nothing(site):
    body = message(GOOD)
    right = headers_for(body)
    forged = [
        headers_for(body, secret=base64.b64encode(bytes(32)).decode()),
        {**right, "webhook-id": "msg_other"},
        {**right, "webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)},
        {**right, "webhook-signature": "v1,"},
        {**right, "webhook-signature": "v1"},
        {**right, "webhook-signature": right["webhook-signature"].replace("v1", "v2")},
        {name: value for name, value in right.items() if name != "webhook-signature"},
        {},
    ]
    for headers in forged:
        answer = httpx.post(f"{site.address}/verdicts", content=body, headers=headers)
        assert answer.status_code == 401, headers
    changed = body.replace(b"true", b"null")
    assert httpx.post(f"{site.address}/verdicts", content=changed, headers=right).status_code == 401
    assert verdicts(site) == []
    assert site.site.ledger.audit.newest() == []


@pytest.mark.parametrize("minutes", [-6, 6], ids=["late", "early"])
def test_a_message_of_another_time_is_refused(site, minutes):
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = send(site, message(GOOD), at=at)
    assert answer.status_code == 401
    assert "timestamp" in answer.json()["error"]
    assert verdicts(site) == []


def test_a_replayed_message_does_not_bring_an_old_verdict_back(site):
    """Word for word, after the reader has changed his mind, and after an operator removed it."""
    old = message(GOOD, at=datetime.now(UTC) - timedelta(minutes=1))
    recorded = headers_for(old, message_id="msg_1")
    post = {"url": f"{site.address}/verdicts", "content": old, "headers": recorded}
    assert httpx.post(**post).json()["noted"] == {"new": 1}
    changed = {"series_uid": SERIES, "bleeding": False, "who": "reader 2"}
    answer = send(site, message(changed), message_id="msg_2")
    assert answer.json()["noted"] == {"replaces an earlier one": 1}
    replayed = httpx.post(**post)
    assert (replayed.status_code, replayed.json()["repeated"]) == (200, True)
    assert verdicts(site)[0].bleeding is False
    ledger = site.site.ledger
    ledger.verdicts.remove(2, who=None, by="ada", now=datetime.now(UTC))
    assert httpx.post(**post).json()["repeated"]
    assert verdicts(site) == []


def test_a_message_that_was_under_way_for_long_does_not_replace_a_later_one(site):
    send(site, message({**GOOD, "bleeding": False, "type": []}), message_id="msg_2")
    late = message(GOOD, at=datetime.now(UTC) - timedelta(hours=1))
    answer = send(site, late, message_id="msg_1")
    assert answer.json()["noted"] == {"older than what is known": 1}
    assert verdicts(site)[0].bleeding is False


def test_each_wrong_verdict_is_named_and_none_is_noted(site):
    wrong = [
        GOOD,
        {**GOOD, "bleeding": "maybe"},
        {**GOOD, "tpye": "subdural"},
        {"bleeding": True, "who": "reader 2"},
        {**GOOD, "comment": 7},
        {**GOOD, "series_uid": "../../etc"},
        "yes",
        {"series_uid": SERIES, "bleeding": True},
    ]
    answer = send(site, message(*wrong))
    assert answer.status_code == 400
    named = {each["verdict"]: each["error"] for each in answer.json()["verdicts"]}
    assert named == {
        2: "bleeding is yes, no or unknown",
        3: "it has a field that is not known; did you mean 'type'?",
        4: "series_uid and study_uid and accession is empty",
        5: "comment is text",
        6: "series_uid has something that is no UID",
        7: "it is no object",
        8: "who is missing",
    }
    assert verdicts(site) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "UTF-8"),
        (b"[]", "type, timestamp, data"),
        (message(GOOD, type="verdict"), 'the type is "verdicts"'),
        (message(), "1 to 1000"),
        (message(GOOD, timestamp="yesterday"), "time with its zone"),
        (message(GOOD, timestamp="2126-01-01T00:00:00Z"), "future"),
        (message(GOOD, data={"verdicts": [GOOD], "more": 1}), "data is an object with verdicts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bodies hold the time
)
def test_a_wrong_message_is_answered_with_a_sentence(site, body, words):
    answer = send(site, body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert verdicts(site) == []


def test_a_series_that_was_never_received(site):
    answer = send(site, message({**GOOD, "series_uid": "1.2.3"}))
    assert answer.status_code == 404
    assert "was received" in answer.json()["error"]


def test_a_comment_that_nobody_can_check_is_refused(site):
    """As in a table: the files of this series are gone, so it may name the patient."""
    answer = send(site, message({**GOOD, "comment": "thin, left"}))
    assert answer.status_code == 400
    assert "leave the comment out" in answer.json()["verdicts"][0]["error"]


def test_too_large_and_truncated_bodies(site):
    large = message({**GOOD, "comment": "x" * 1_000_000})
    assert send(site, large).status_code == 413
    body = message(GOOD)
    headers = "".join(f"{name}: {value}\r\n" for name, value in headers_for(body).items())
    host, port = site.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        request = f"POST /verdicts HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}"
        connection.sendall(f"{request}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert b"200" not in connection.recv(100)
    assert verdicts(site) == []


def test_the_example_of_the_documentation(site):
    """docs/site.md, by curl and openssl, as it stands there."""
    section = Path("docs/site.md").read_text(encoding="utf-8").split("## Verdicts by webhook")[1]
    example = section.split("```bash\n")[1].split("```")[0]
    assert "http://127.0.0.1:8104/" in example
    done = subprocess.run(
        ["bash", "-c", example.replace("http://127.0.0.1:8104", site.address)],
        cwd=site.site.config_path.parent / "example",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["noted"] == {"new": 1}, done.stderr
    assert [verdict.type for verdict in verdicts(site)] == ["subdural"]


def test_without_a_secret_there_is_no_such_address(busy_site):
    body = message(GOOD)
    assert send(busy_site, body).status_code == 404


def test_a_secret_that_cannot_be_read_is_told_without_its_place(site):
    secret = site.site.config().verdicts.secret_file
    good = secret.read_text(encoding="utf-8")
    secret.write_text("short", encoding="utf-8")
    answer = send(site, message(GOOD))
    secret.write_text(good, encoding="utf-8")
    assert answer.status_code == 500
    assert str(secret.parent) not in answer.text


def test_there_is_nothing_to_look_at(site):
    assert httpx.get(f"{site.address}/verdicts").status_code == 405
