"""alerts test and list; what check-config says of alerts."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.health import Trouble, TroubleKind
from tests.support.command_line import ich_node
from tests.support.mail_receiver import mail_receiver
from tests.support.node import opened_ledger
from tests.support.peers import free_port
from tests.support.web_receiver import web_receiver

MINUTE = timedelta(minutes=1)
CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[web]
enabled = true
hosts = ["ich.hospital.example"]
[[alerts]]
name = "it"
kind = "mail"
to = ["pacs-team@hospital.example"]
sender = "node@hospital.example"
host = "127.0.0.1"
port = {smtp}
encryption = "none"
[[alerts]]
name = "monitoring"
kind = "webhook"
url = "{hook}"
secret_file = "{folder}/secret"
about = ["disk_full", "service_down"]
at_most_every_minutes = 0.5
[heartbeat]
url = "{heartbeat}"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes config.toml; alerts go to these places."""
    monkeypatch.delenv("ICHNODE__WEB__ENABLED")
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "secret").write_text(base64.b64encode(bytes(range(32))).decode())

    def write(smtp=1, hook="http://127.0.0.1:1/h", heartbeat="http://127.0.0.1:1/geheim"):
        path = tmp_path / "config.toml"
        path.write_text(CONFIG.format(folder=tmp_path, smtp=smtp, hook=hook, heartbeat=heartbeat))
        return path

    return write


def test_a_test_message_goes_to_each_and_the_answers_are_printed(config):
    """What the mail says is that nothing is wrong, from where, and where to look."""
    with mail_receiver() as mail, web_receiver() as hook, web_receiver() as heartbeat:
        path = config(mail.port, hook.url, heartbeat.url)
        ran = ich_node("alerts", "test", config=path)
        only = ich_node("alerts", "test", "monitoring", config=path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        f"it (mail): 127.0.0.1:{mail.port} takes the mail for pacs-team@hospital.example",
        f"monitoring (webhook): {hook.url.removesuffix('/hook')} answers 204",
        f"heartbeat: {heartbeat.url.removesuffix('/hook')} answers 204",
    ]
    assert only.stdout.splitlines() == [ran.stdout.splitlines()[1]]
    assert (len(mail.mails), len(hook.requests), len(heartbeat.requests)) == (1, 2, 1)
    text = mail.mails[0].get_content()
    assert "Nothing is wrong" in text
    assert "http://ich.hospital.example:8104/" in text
    assert hook.requests[0].json["type"] == "alert.test"
    ids = {request.headers["webhook-id"] for request in hook.requests}
    assert len(ids) == 2, "a receiver must not take the second for the first"


def test_one_that_fails_does_not_keep_the_others_from_being_told(config):
    with web_receiver() as hook:
        ran = ich_node("alerts", "test", config=config(free_port(), hook.url))
    assert ran.exit_code == 1
    assert "it (mail): 127.0.0.1:" in ran.stdout
    assert "nothing answers: Connection refused" in ran.stdout
    assert "monitoring (webhook): " in ran.stdout
    assert "answers 204" in ran.stdout
    assert "geheim" not in ran.stdout + ran.stderr
    assert len(hook.requests) == 1


def test_a_name_that_is_not_known_is_a_sentence(config, tmp_path):
    ran = ich_node("alerts", "test", "monitorin", config=config())
    assert ran.exit_code == 2
    assert "there is no alert 'monitorin'; did you mean 'monitoring'?" in ran.stderr
    (tmp_path / "none.toml").write_text("")
    nobody = ich_node("alerts", "test", config=tmp_path / "none.toml")
    assert nobody.exit_code == 2
    assert "config.toml has no [[alerts]] and no [heartbeat]" in nobody.stderr


def test_the_list_shows_what_is_wrong_and_what_was(config, tmp_path):
    """One line each, at most 80 columns; who was told when, and who cannot be told."""
    path = config()
    now = datetime.now(UTC)
    missing = ich_node("alerts", "list", config=path)
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        empty = ich_node("alerts", "list", config=path)
        down = Trouble(
            kind=TroubleKind.DESTINATION_DOWN,
            subject="pacs",
            since=now - 40 * MINUTE,
            facts={"destination": "pacs", "seconds": 900, "detail": "no answer at all " * 9},
        )
        letter = Trouble(
            kind=TroubleKind.DELIVERY_FAILED,
            subject="job 7, pacs",
            since=now - 9 * MINUTE,
            facts={"job": 7, "destination": "pacs", "objects": 3},
        )
        ledger.incidents.note([down, letter], now=now - 5 * MINUTE)
        ledger.incidents.note([letter], now=now)
        claim = {"kinds": (), "every": MINUTE, "owner": "me", "lease": MINUTE}
        for name in ("it", "monitoring"):
            news = ledger.notices.claim(name, now=now, **claim)
            if name == "it":
                ledger.notices.told(name, news, owner="me", now=now)
            else:
                ledger.notices.not_told(
                    name, owner="me", retry_at=now, now=now, detail="nothing answers"
                )
    ran = ich_node("alerts", "list", config=path)
    as_json = json.loads(ich_node("alerts", "list", "--json", config=path).stdout)
    assert missing.exit_code == 1
    assert "there is no ledger" in missing.stderr
    assert empty.stdout.splitlines() == [
        "nothing is wrong now",
        "it (mail): nothing was told yet",
        "monitoring (webhook): nothing was told yet",
    ]
    lines = ran.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    heading, running, ended, *channels = lines
    assert heading.split() == ["from", "to", "what"]
    assert "  now " in running
    assert "3 results of job 7 could not be delivered to pacs and" in running
    assert "The destination pacs has not answered" in ended
    assert ended.endswith("…")
    stamp = f"{now.astimezone():%m-%d %H:%M}"
    assert channels == [
        f"it (mail): last told {stamp}",
        f"monitoring (webhook): FAILS since {stamp}: nothing answers",
    ]
    assert [each["subject"] for each in as_json["running"]] == ["job 7, pacs"]
    assert as_json["ended"][0]["ended_at"] is not None
    assert as_json["alerts"][1]["detail"] == "nothing answers"


def test_check_config_says_who_is_told_of_what(config):
    ran = ich_node("check-config", config=config())
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert (
        "tells it (mail to pacs-team@hospital.example by 127.0.0.1:1) of every trouble,"
        " at most every 10 min"
    ) in lines
    assert (
        "tells monitoring (webhook at http://127.0.0.1:1) of disk_full, service_down,"
        " at most every 0.5 min"
    ) in lines
    assert "asks http://127.0.0.1 every 60 s while receive, analyse and send run" in lines


def test_check_config_names_what_cannot_be_used(config, tmp_path):
    path = config()
    (tmp_path / "secret").unlink()
    path.write_text(
        path.read_text().replace('url = "http://127.0.0.1:1/geheim"', 'url_file = "gone"')
    )
    ran = ich_node("check-config", config=path)
    assert ran.exit_code == 2
    assert "[[alerts]] monitoring: secret_file: cannot read" in ran.stderr
    assert "[heartbeat] url_file: cannot read" in ran.stderr
    assert "ok" not in ran.stdout.split()


def test_check_config_says_that_nobody_is_told(tmp_path):
    (tmp_path / "config.toml").write_text("")
    ran = ich_node("check-config", config=tmp_path / "config.toml")
    assert "tells nobody when something is wrong: add an [[alerts]] entry" in ran.stdout


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("to = []", "to"),
        ("to = ['A Person <a@b.example>']", "is not a mail address; give it alone"),
        ("sender = 'node'", "'node' is not a mail address"),
        ("host = 'smtp://relay'", "is a URL; give the name or address alone: 'relay'"),
        ("username = 'node'", "username and password_file go together"),
        (
            "username = 'node'\npassword_file = 'p'\nencryption = 'none'",
            "a password needs encryption",
        ),
        ("name = 'heartbeat'", "'heartbeat' is the name of [heartbeat]"),
        ("about = ['disk_ful']", "disk_full"),
    ],
)
def test_a_mistake_in_an_alert_is_a_sentence(tmp_path, toml, words):
    settings = {
        "name": "'it'",
        "kind": "'mail'",
        "to": "['a@b.example']",
        "sender": "'n@b.example'",
        "host": "'relay'",
    }
    settings |= dict(line.split(" = ", 1) for line in toml.splitlines())
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    path = tmp_path / "config.toml"
    path.write_text(f"[[alerts]]\n{lines}\n")
    ran = ich_node("check-config", config=path)
    assert ran.exit_code == 2
    assert words in ran.stderr


def test_two_alerts_of_one_name_are_a_mistake(config):
    path = config()
    path.write_text(path.read_text().replace('name = "monitoring"', 'name = "it"'))
    ran = ich_node("check-config", config=path)
    assert ran.exit_code == 2
    assert "[[alerts]] uses the name it more than once; names tell alerts apart" in ran.stderr
