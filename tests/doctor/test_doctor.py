"""doctor: every check finds what it looks for, and is silent where nothing is wrong."""

import json
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ich_node import __version__
from ich_node.cli.context import CliContext
from ich_node.cli.doctor import installation
from ich_node.config.load import load_config
from ich_node.doctor import packages
from ich_node.doctor.backups import about_backups, last_backup
from ich_node.doctor.disks import about_disks, file_system_of
from ich_node.doctor.processes import about_heartbeats, stopped_here
from ich_node.doctor.rights import about_rights
from ich_node.doctor.search_key import about_search_key
from ich_node.doctor.spool_files import about_missing_files, about_orphans
from ich_node.doctor.troubles import about_troubles
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
        assert " ".join(words.split()) in " ".join(ran.stdout.split()), words


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
    assert orphans.sentence.startswith("1 file of the spool belongs to nothing")
    assert list(about_missing_files(ledger, spool)) == []
    spool.absolute(lost).unlink()
    spool.absolute(short).write_bytes(b"")
    (missing,) = about_missing_files(ledger, spool)
    assert missing.sentence == (
        "2 files that the ledger names are missing from the spool"
        f" {folder}/spool, or not whole: {lost}, {short}."
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


def test_a_lost_search_key(config, folder, ledger):
    """A receiver that runs has it in memory, and would not start again."""
    ledger.search_keys.for_receiving(folder / "search.key", now=datetime.now(UTC))
    settings = load_config(config).config
    assert list(about_search_key(ledger, settings)) == []
    (folder / "search.key").unlink()
    (found,) = about_search_key(ledger, settings)
    assert "search.key is missing" in found.sentence


def test_when_the_last_backup_was_made(ledger):
    now = datetime.now(UTC)
    assert list(about_backups(ledger, now)) == []
    assert last_backup(ledger) == "none was made yet (docs/backup.md)"
    ledger.measurements.keep("backup", {"folder": "/b"}, now=now - timedelta(days=7))
    assert list(about_backups(ledger, now)) == []
    assert last_backup(ledger).endswith(" UTC, in /b")
    ledger.measurements.keep("backup", {"folder": "/b"}, now=now - timedelta(days=9))
    (found,) = about_backups(ledger, now)
    assert found.sentence == "The last whole backup is 9 days old."


def beat(ledger: Ledger, *, pid: int, started_at: datetime, beat_at: datetime) -> None:
    ledger.heartbeats.beat(
        Heartbeat(
            host=socket.gethostname(),
            service="analyse",
            pid=pid,
            version=__version__,
            started_at=started_at,
            beat_at=beat_at,
            is_ready=True,
        )
    )


def test_a_process_that_was_killed_and_started_again_is_not_missed(ledger):
    now = datetime.now(UTC)
    killed_at = now - timedelta(hours=1)
    beat(ledger, pid=7, started_at=killed_at - timedelta(days=1), beat_at=killed_at)
    assert len(list(about_heartbeats(ledger, now))) == 1
    beat(ledger, pid=8, started_at=killed_at + timedelta(seconds=5), beat_at=now)
    assert list(about_heartbeats(ledger, now)) == []


def test_services_that_were_stopped_are_no_fault(config, ledger):
    """One that crashed is."""
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    for service in ("receive", "analyse", "send"):
        ledger.measurements.keep(f"ended {service}", {}, now=hours_ago)
    settings, now = load_config(config).config, datetime.now(UTC)
    assert list(about_troubles(ledger, settings, now)) == []
    assert stopped_here(settings).startswith("none runs on this host")
    beat(ledger, pid=7, started_at=hours_ago, beat_at=hours_ago)
    (found,) = about_troubles(ledger, settings, now)
    assert found.sentence == "The service analyse does not run."


def test_a_spool_that_is_gone(config, folder, ledger):
    """E.g. a disk that is not mounted; nothing is made by looking."""
    path = keep(ledger, Spool(folder / "spool"), 1)
    shutil.rmtree(folder / "spool")
    spool = Spool(load_config(config).config.spool.path, make=False)
    (found,) = about_missing_files(ledger, spool)
    assert found.sentence.endswith(f"missing from the spool {folder}/spool, or not whole: {path}.")
    assert list(about_orphans(ledger, spool, datetime.now(UTC))) == []
    assert not (folder / "spool").exists()


def test_a_configuration_with_a_mistake_of_several_lines_is_one_complaint(config):
    config.write_text("[scp]\nport = 1\nport = 2\n")
    assert len(mistakes_of(config)) == 1
    config.write_text("[scp]\nport = 'x'\nbacklog = 'y'\n")
    assert len(mistakes_of(config)) == 2


def mistakes_of(config: Path) -> Sequence[str]:
    context = CliContext(path=config, main=lambda _: None)
    return installation(context, datetime.now(UTC)).mistakes
