"""check-config checks what the services check, names every mistake at once, and says ok last."""

import socket
from pathlib import Path

import pytest

from ich_node.model.bundle_file import read_header, shipped_bundle
from tests.support.certificates import authority
from tests.support.command_line import ich_node
from tests.support.peers import free_port, pacs

UNUSABLE = """
[spool]
path = "{folder}/letter/spool"
[database]
url = "sqlite:///{folder}/letter/ledger.sqlite"
[bundle]
path = "missing.safetensors"
[tls]
certificate = "no.pem"
ca = "no-ca.pem"
[verdicts]
secret_file = "short"
[[destinations]]
name = "worklist"
kind = "webhook"
url = "http://127.0.0.1:1/"
secret_file = "short"
[[destinations]]
name = "archive"
kind = "stow"
url = "https://127.0.0.1:1/"
token_file = "no-token"
[[destinations]]
name = "other"
kind = "stow"
url = "https://127.0.0.1:1/"
username = "a"
password_file = "no-password"
"""


@pytest.fixture
def config(tmp_path) -> Path:
    return tmp_path / "config.toml"


def test_every_file_that_cannot_be_used_is_named_at_once(config):
    """Secrets, certificates, the spool, the ledger, the bundle; and nothing is called ok."""
    folder = config.parent
    config.write_text(UNUSABLE.format(folder=folder))
    (folder / "letter").write_text("Dear node,")
    (folder / "short").write_text("abc")
    done = ich_node("check-config", config=config)
    assert done.exit_code == 2
    assert "ok" not in done.stdout.split()
    for words in (
        f"[tls] certificate: there is no file {folder}/no.pem",
        f"[tls] ca: there is no file {folder}/no-ca.pem",
        f"[[destinations]] worklist: secret_file: {folder}/short must hold 24 to 64 random bytes",
        f"[verdicts] secret_file: {folder}/short must hold 24 to 64 random bytes",
        f"[[destinations]] archive: token_file: cannot read {folder}/no-token",
        f"[[destinations]] other: password_file: cannot read {folder}/no-password",
        f"[spool] path: {folder}/letter/spool cannot be a folder: {folder}/letter is not one",
        "[database] url: ",
        f"[bundle] path: there is no file {folder}/missing.safetensors",
    ):
        assert words in done.stderr
    assert "listens as ICHNODE" in done.stdout  # what is right is said all the same


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[spool]\npath = '/proc/spool'", "[spool] path: /proc/spool cannot be made"),
        ("[database]\nurl = 'postgresql+psycopg://127.0.0.1:1/x'", "the ledger does not answer"),
        ("[database]\nurl = 'oracle://db/ich'", "[database] url:"),
    ],
)
def test_what_cannot_be_is_refused(config, toml, words):
    config.write_text(toml)
    done = ich_node("check-config", config=config)
    assert done.exit_code == 2
    assert words in done.stderr


def test_ok_is_the_last_word(config):
    """After what the node will do: the model that reads, and each destination."""
    config.write_text(
        "[[sources]]\nname = 'ct'\nae_title = 'CT'\n"
        "[[destinations]]\nname = 'pacs'\nae_title = 'PACS'\nhost = 'pacs'\nport = 104\n"
        "only_if_positive = true\n"
    )
    done = ich_node("check-config", config=config)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{config}: ok"
    assert "sends objects to pacs (PACS at pacs:104), but no negative results" in done.stdout
    name = read_header(shipped_bundle()).name
    assert f"NOT FOR PATIENTS: reads with {name}" in done.stdout


def test_online_asks_every_destination_and_the_ledger(config):
    with pacs() as peer, socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        head = f"[scp]\nbind_address = '127.0.0.1'\nport = {busy.getsockname()[1]}\n"
        one = "[[destinations]]\nname = '{}'\nae_title = 'PACS'\nhost = '127.0.0.1'\nport = {}\n"
        config.write_text(head + one.format("pacs", peer.port))
        there = ich_node("check-config", "--online", config=config)
        config.write_text(head + one.format("pacs", peer.port) + one.format("down", 1))
        half = ich_node("check-config", "--online", config=config)
    assert there.exit_code == 0, there.stderr
    assert "pacs (PACS at" in there.stdout
    assert "there is no ledger yet" in there.stdout
    assert "Address already in use; that is this node, if its receive service runs" in there.stdout
    assert there.stdout.splitlines()[-1].endswith("ok")
    assert half.exit_code == 1
    assert "down (PACS at 127.0.0.1:1)" in half.stdout
    assert "config.toml: ok" not in half.stdout


def test_the_site_is_described(config, monkeypatch, tmp_path):
    """Where it is, who names its users, what it shows; tokens and certificates are checked."""
    monkeypatch.setenv("ICHNODE__WEB__ENABLED", "true")
    ours = authority(tmp_path / "ca").issue("/CN=ich", name="ich")
    proxied = "user_header = 'X-User'\nproxies = ['10.1.2.4']\nidentifiers = true\n"
    config.write_text(
        f"[web]\nhosts = ['ich.example']\ncertificate = '{ours.certificate}'\n"
        f"key = '{ours.key}'\nport = {free_port()}\n{proxied}"
    )
    done = ich_node("check-config", "--online", config=config)
    assert done.exit_code == 0, done.stderr
    assert (
        ", behind 10.1.2.4, which names users in X-User, with name, patient ID and accession number"
        in done.stdout
    )
    assert "the certificate of [web] is valid until" in done.stdout
    assert done.stdout.count("is free: nobody listens on it now") == 2
    ours.key.unlink()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/web-look.token").write_text("1234")
    (tmp_path / "var/web-look.token").chmod(0o600)
    done = ich_node("check-config", config=config)
    assert done.exit_code == 2
    assert f"[web] key: cannot read {ours.key}: No such file" in done.stderr
    assert "is not a token of 20 to 200 characters" in done.stderr


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("bind_address = '0.0.0.0'", "can be reached from other machines: set certificate and key"),
        ("certificate = 'a.pem'", "certificate and key go together"),
        ("user_header = 'X-User'", "user_header and proxies go together"),
        ("operators = ['a']", "operators are users of a proxy"),
        ("identifiers = true", "identifiers are shown over TLS only"),
    ],
)
def test_a_site_where_others_read_along_is_refused(config, toml, words):
    config.write_text(f"[web]\n{toml}\n")
    done = ich_node("web", config=config)
    assert done.exit_code == 2
    assert words in done.stderr


def test_an_address_of_another_machine_is_a_mistake(config):
    """Nobody can listen on it, so that is not this node."""
    config.write_text("[scp]\nbind_address = '192.0.2.1'\n")
    done = ich_node("check-config", "--online", config=config)
    assert done.exit_code == 2
    assert "[scp] cannot listen on 192.0.2.1:11112: Cannot assign requested" in done.stderr
