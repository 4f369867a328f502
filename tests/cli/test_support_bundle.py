"""support-bundle: what is in it, what is not, and that it works when nothing else does."""

import ast
import json
import re
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ich_node.config.load import load_config
from ich_node.health import Trouble, TroubleKind
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.processes.running import RunningService, announced
from ich_node.support.log_lines import LEFT_OUT, SAFE, safe_line
from ich_node.support.settings import scrubbed
from tests.support import REPOSITORY
from tests.support.command_line import ich_node
from tests.support.node import opened_ledger

CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[[sources]]
name = "ct"
ae_title = "CT1"
hosts = ["10.1.2.3"]
[[destinations]]
name = "worklist"
kind = "webhook"
url = "https://hooks.hospital.example/services/T00/geheim?key=geheim"
secret_file = "{folder}/hook.secret"
[[alerts]]
name = "it"
kind = "mail"
to = ["geheim@hospital.example"]
sender = "geheim@hospital.example"
host = "smtp.hospital.example"
username = "geheim"
password_file = "{folder}/smtp.password"
[heartbeat]
url = "https://hc.hospital.example/ping/geheim"
"""
LOG = [
    {"event": "series_read", "level": "info", "timestamp": "t", "job": 7, "detail": "fine"},
    {"event": "paused", "level": "info", "timestamp": "t", "who": "geheim", "why": "geheim"},
    {"event": "odd", "level": "info", "timestamp": "t", "patient": "geheim"},
    {"event": "Told geheim something", "level": "warning", "timestamp": "t", "logger": "library"},
    {"event": "asks", "level": "info", "timestamp": "t", "detail": "https://u:geheim@h/geheim?x"},
]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def parts_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def made(config: Path, *words: object) -> tuple[str, dict[str, str]]:
    """What the command prints, and the bundle."""
    out = config.parent / "bundle.zip"
    ran = ich_node("support-bundle", "--out", out, *words, config=config)
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout, parts_of(out)


def test_it_holds_log_settings_versions_numbers_and_findings(config, tmp_path):
    """And says so: in a file of its own, and on the screen."""
    now = datetime.now(UTC)
    log = tmp_path / "log"
    log.write_text("".join(f"{json.dumps(line)}\n" for line in LOG) + "Doe^Jane geheim\n")
    mine = RunningService(name="analyse", pid=1, config="/other.toml", needs_restart={})
    (tmp_path / "spool").mkdir()
    with (
        opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger,
        announced(tmp_path / "spool", mine),
    ):
        heart = {"host": "ich1", "pid": 7, "version": "1", "started_at": now, "is_ready": True}
        for service, beat_at in (
            ("receive", now - timedelta(hours=2)),
            ("send", now + timedelta(minutes=5)),
        ):
            ledger.heartbeats.beat(Heartbeat(service=service, beat_at=beat_at, **heart))
        letter = Trouble(
            kind=TroubleKind.DELIVERY_FAILED,
            subject="job 7, worklist",
            since=now,
            facts={"job": 7, "destination": "worklist", "objects": 3},
        )
        ledger.incidents.note([letter], now=now)
        printed, parts = made(config, "--log", log)
    assert list(parts) == [
        "README.txt",
        "findings.json",
        "versions.json",
        "config.json",
        "ledger.json",
        "log.jsonl",
    ]
    for name, text in parts.items():
        assert "geheim" not in text, name
        assert name in printed
        assert name in parts["README.txt"] or name == "README.txt"
    settings = json.loads(parts["config.json"])
    assert settings["[[destinations]] 1"]["url"] == {
        "value": "https://hooks.hospital.example/***",
        "from": "line 13",
    }
    assert settings["[[alerts]] 1"]["to"]["value"] == ["***"]
    assert settings["[[sources]] 1"]["hosts"]["value"] == ["10.1.2.3"]
    assert settings["[database]"]["url"]["value"].startswith("sqlite:///")
    numbers = json.loads(parts["ledger.json"])
    assert numbers["jobs"]["waiting"]["jobs"] == 0
    assert numbers["incidents"]["running"][0]["subject"] == "job 7, worklist"
    assert {each["service"] for each in numbers["heartbeats"]} == {"receive", "send"}
    versions = json.loads(parts["versions.json"])
    assert versions["packages"]["pydicom"]
    found = json.loads(parts["findings.json"])
    sentences = " ".join(each["sentence"] for each in found["findings"])
    for words in (
        "The service receive does not run.",
        "receive on ich1 (process 7) was last heard of at",
        "analyse (process 1) reads /other.toml, not",
        "analyse (process 1) has an earlier value of",
        "secret_file: cannot read",
        "password_file: cannot read",
    ):
        assert words in sentences, words
    assert re.search(r"The clock of ich1 is \d+ s ahead of this host's\.", sentences)
    lines = [json.loads(line) for line in parts["log.jsonl"].splitlines()]
    assert lines[0] == LOG[0]
    assert [line["event"] for line in lines] == ["series_read", "paused", "odd", "asks"]
    assert "https://h/***" in lines[3]["detail"]
    assert "4 lines of log; 2 of others are left out" in printed


def test_it_works_without_a_ledger_and_never_overwrites(config, tmp_path):
    printed, parts = made(config)
    assert "ledger.json" not in parts
    assert "there is no ledger at" in parts["findings.json"]
    assert "wrote" in printed
    assert stat.S_IMODE((tmp_path / "bundle.zip").stat().st_mode) == 0o600
    before = (tmp_path / "bundle.zip").read_bytes()
    again = ich_node("support-bundle", "--out", tmp_path / "bundle.zip", config=config)
    assert again.exit_code == 2
    assert "exists and is not overwritten; choose another --out" in again.stderr
    assert (tmp_path / "bundle.zip").read_bytes() == before
    assert not (tmp_path / "ledger.sqlite").exists()
    assert not (tmp_path / "spool").exists()


def test_it_says_what_is_wrong_with_a_configuration_that_cannot_be_loaded(config):
    config.write_text(config.read_text() + "\n[scp]\nport = 'https://u:geheim@h/geheim'\n")
    _, parts = made(config)
    assert "config.json" not in parts
    assert "[scp] port" in parts["findings.json"]
    assert "geheim" not in "".join(parts.values())


def test_it_says_that_the_ledger_does_not_answer(config):
    text = config.read_text()
    url = "postgresql+psycopg://u:geheim@127.0.0.1:1/ich"
    config.write_text(text.replace(f"sqlite:///{config.parent}/ledger.sqlite", url))
    _, parts = made(config)
    assert "the ledger does not answer" in parts["findings.json"]
    assert "geheim" not in "".join(parts.values())
    assert "postgresql+psycopg://127.0.0.1:1/***" in parts["config.json"]


@pytest.mark.parametrize("words", [("--log", "gone"), ("--out", "no/folder/b.zip")])
def test_a_file_that_cannot_be_used_is_a_sentence(config, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    ran = ich_node("support-bundle", *words, config=config)
    assert ran.exit_code == 2
    assert words[0] in ran.stderr
    assert "No such file or directory" in ran.stderr
    assert list(tmp_path.glob("*.zip")) == []


def fields_of_the_log() -> set[str]:
    """The names of all values that the code logs."""
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "ich_node").rglob("*.py")]
    return {
        keyword.arg
        for text in texts
        if "structlog.get_logger" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        for keyword in node.keywords
        if keyword.arg is not None
    }


def test_it_is_decided_of_every_field_of_the_log_whether_it_may_leave():
    fields = fields_of_the_log() - {"exc_info"}
    assert {"detail", "series_instance_uid", "who"} <= fields
    assert fields - SAFE - LEFT_OUT == set()
    assert not SAFE & LEFT_OUT


@pytest.mark.parametrize("line", ["", "x", "[]", "7", '{"event": "a"}', '{"event": 7}'])
def test_what_is_no_line_of_the_node_is_left_out(line):
    assert safe_line(line) is None


def test_no_setting_that_sounds_like_a_secret_leaves():
    """Also one that somebody adds and forgets."""
    assert scrubbed("api_token", "geheim") == "***"
    assert scrubbed("token_file", "/etc/token") == "/etc/token"
    config = load_config(None).config
    assert config.web.operators == ()
