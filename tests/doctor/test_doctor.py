"""doctor: every check finds what it looks for, and is silent where nothing is wrong."""

import json
import os
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ich_node import __version__
from ich_node.config.load import load_config
from ich_node.doctor import packages
from ich_node.doctor.disks import about_disks, file_system_of
from ich_node.doctor.rights import about_rights
from ich_node.doctor.spool_files import about_missing_files, about_orphans
from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.spool import Spool
from tests.support.command_line import ich_node
from tests.support.ledger_examples import MAX_WAIT, QUIET, T0, instance
from tests.support.node import opened_ledger

CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
[web]
enabled = false
[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
"""


@pytest.fixture
def folder():
    """Closed, and no folder above it is: those of pytest are."""
    with TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def config(folder, free_port):
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder, port=free_port))
    return path


@pytest.fixture
def free_port():
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        return mine.getsockname()[1]


@pytest.fixture
def ledger(folder):
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as opened:
        yield opened


def checks(config: Path, *words: str) -> dict[str, dict[str, object]]:
    ran = ich_node("doctor", "--json", *words, config=config)
    return {each["name"]: each for each in json.loads(ran.stdout)}


def sentences(found: dict[str, object]) -> str:
    complaints = found["complaints"]
    assert isinstance(complaints, list)
    return " ".join(each["sentence"] for each in complaints)


def keep(ledger: Ledger, spool: Spool, number: int) -> str:
    """One object in spool and ledger; its path."""
    stored = spool.put(b"%d" % number)
    given = replace(
        instance(number),
        path=stored.path,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
    )
    ledger.receiving.add(given, ready_at=T0 + QUIET, max_wait=MAX_WAIT)
    return stored.path


def test_a_new_installation_has_nothing_wrong(config, folder):
    """And nothing is made by looking."""
    ran = ich_node("doctor", config=config)
    assert ran.stdout.splitlines()[-1] == "nothing is wrong"
    assert ran.exit_code == 0
    assert "-            ledger: there is no ledger at" in ran.stdout
    assert [path.name for path in folder.iterdir()] == ["config.toml"]


def test_what_is_wrong_is_said_with_what_to_do(config, folder, ledger):
    now = datetime.now(UTC)
    for service, version, beat_at in (
        ("receive", __version__, now - timedelta(hours=2)),
        ("send", "0.0.1", now),
        ("web", __version__, now + timedelta(minutes=5)),
    ):
        ledger.heartbeats.beat(
            Heartbeat(
                host=socket.gethostname(),
                service=service,
                pid=7,
                version=version,
                started_at=now,
                beat_at=beat_at,
                is_ready=True,
            )
        )
    folder.chmod(0o755)
    (folder / "ledger.sqlite").chmod(0o644)
    with socket.socket() as other:
        other.bind(("127.0.0.1", load_config(config).config.scp.port))
        other.listen()
        ran = ich_node("doctor", config=config)
    assert ran.exit_code == 1
    for words in (
        f"WRONG        rights: Every user of this machine can read {folder}/ledger.sqlite",
        f"chmod -R o= {folder}/ledger.sqlite",
        f"is taken by python (process {os.getpid()})",
        "WRONG        services: receive on ",
        f"runs ich-node 0.0.1; installed is {__version__}",
        "WRONG        clocks of all hosts: The clock of",
        "WRONG        troubles: ",
        "things are wrong",
    ):
        assert words in ran.stdout, words


def test_a_configuration_that_cannot_be_loaded_is_a_finding(config):
    """Whatever can be checked without it is checked."""
    config.write_text("[scp]\nport = 'x'\n")
    found = checks(config)
    assert "[scp] port" in sentences(found["configuration"])
    assert {"clock", "packages", "units"} <= set(found)
    assert "rights" not in found


def test_secrets_that_others_can_read(config, folder):
    key = folder / "search.key"
    key.write_text("secret")
    key.chmod(0o644)
    settings = load_config(config).config
    assert list(about_rights(settings, config)) == []  # the folder above is closed
    folder.chmod(0o755)
    config.chmod(0o646)
    found = " ".join(each.sentence for each in about_rights(settings, config))
    assert f"can read {key} ([database] search_key)" in found
    assert f"can write {config}" in found


def test_files_without_rows_and_rows_without_files(folder, ledger):
    spool = Spool(folder / "spool")
    kept, lost, short = (keep(ledger, spool, number) for number in (1, 2, 3))
    young, old = spool.put(b"young"), spool.put(b"old, and of a crash")
    hours_ago = datetime.now(UTC).timestamp() - 7200
    for path in (kept, old.path):
        os.utime(spool.absolute(path), (hours_ago, hours_ago))
    now = datetime.now(UTC)
    (orphans,) = about_orphans(ledger, spool, now)
    assert orphans.sentence.startswith("1 files of the spool (0 MB) belong to nothing")
    assert list(about_missing_files(ledger, spool)) == []
    spool.absolute(lost).unlink()
    spool.absolute(short).write_bytes(b"")
    (missing,) = about_missing_files(ledger, spool)
    assert missing.sentence == (
        "2 files that the ledger names are missing from the spool, or are not whole:"
        f" {lost}, {short}."
    )
    assert spool.holds(young.path, 5)


def test_the_ledger_is_compared_in_portions(folder, ledger):
    spool = Spool(folder / "spool")
    paths = [keep(ledger, spool, number) for number in range(7)]
    portions = list(ledger.maintenance.kept_files(at_once=3))
    assert [len(each) for each in portions] == [3, 3, 1]
    assert [file.path for portion in portions for file in portion] == paths


def test_sqlite_on_a_network_file_system(config, folder, ledger):
    mounts = folder / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {folder} nfs4 rw 0 0\n")
    assert file_system_of(folder / "ledger.sqlite", mounts) == "nfs4"
    (found,) = about_disks(load_config(config).config, mounts)
    assert "lies on nfs4, where SQLite's locks do not hold" in found.sentence
    mounts.write_text("/dev/sda / ext4 rw 0 0\n")
    assert list(about_disks(load_config(config).config, mounts)) == []


def test_packages_are_those_that_were_tested():
    assert packages.tested()["torch"]
    said = [each.sentence for each in packages.about_packages()]
    assert [each for each in said if "not installed" in each or "needs" in each] == []
