"""`ich-node backup`: what is in a backup, whatever happens while it is made."""

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ich_node.backup import make
from ich_node.backup.check import damage as damage_of
from ich_node.backup.folder import BackupFolder, reading, writing
from ich_node.backup.manifest import LEDGER, read_manifest
from ich_node.errors import BackupError, ConfigError, NoLedger
from ich_node.ledger.schema import FLOOR, HEAD, USABLE_FROM
from ich_node.ledger.snapshot import Snapshot
from ich_node.ledger.snapshot_contents import SnapshotContents
from ich_node.ledger.whole_ledger import file_engine, make_schema
from tests.backup.conftest import BACKENDS, NewNode
from tests.chaos.disk import small_disk
from tests.support.backed_up import NOON, BackedUpNode, damage, nothing
from tests.support.extended import sampled

SECOND = timedelta(seconds=1)
SQLITE_FIRST = ["sqlite", pytest.param("postgresql", marks=pytest.mark.extended)]
FIRST = "20261101T120000Z"


def problems(backups: Path, name: str | None = None) -> list[str]:
    with reading(backups) as folder:
        return list(damage_of(folder, read_manifest(folder.chosen(name)), nothing))


@pytest.mark.parametrize("backend", SQLITE_FIRST)
def test_a_backup_has_all_that_a_node_knows(filled: NewNode, backups: Path, backend) -> None:
    """Ledger, objects, bundle, configuration, keys; others can read nothing of it."""
    node = filled(backend, bundle=(bundle := b"no bundle"))
    (node.folder / "spool/bundles" / f"{hashlib.sha256(bundle).hexdigest()}.safetensors").unlink()
    made = node.back_up(backups)
    manifest = made.manifest
    assert problems(backups) == []
    assert manifest.is_whole
    assert (manifest.counts.jobs, manifest.counts.objects, manifest.counts.files) == (3, 6, 7)
    assert (manifest.counts.not_read, manifest.counts.owed) == (2, 2)
    assert manifest.database == backend
    assert {each.setting for each in manifest.secrets} == {
        "[database] search_key",
        "[[destinations]] board secret_file",
    }
    assert (made.path / "config.toml").read_bytes() == node.config_path.read_bytes()
    (sentence,) = manifest.left_out
    assert "cannot read the bundle" in sentence
    modes = {path.stat().st_mode & 0o077 for path in [backups, *backups.rglob("*")]}
    assert modes == {0}
    with SnapshotContents(made.path / LEDGER) as contents:
        assert contents.destinations_owed() == ["board", "pacs"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_acknowledged_is_missing(filled: NewNode, backups: Path, backend) -> None:
    """A listener and an analyser write meanwhile: what was acknowledged before the moment of the
    backup is in it, and every row of it has its file.
    """
    node = filled(backend)
    acknowledged, stop = [], threading.Event()
    before: list[str] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            one = node.receive(number, series=f"2.25.1{number // 3}")
            acknowledged.append(one.path)
            if number % 3 == 0:
                node.read()

    def moment():
        if not before:
            before.extend(acknowledged)
        return NOON

    writer = threading.Thread(target=write)
    node.claim()  # what `fill` left: `read` gets series of `write` from now on
    writer.start()
    try:
        while len(acknowledged) < 5:
            stop.wait(0.01)
        made = node.back_up(backups, clock=moment)
    finally:
        stop.set()
        writer.join()
    assert made.manifest.is_whole
    assert made.manifest.removed == ()
    assert problems(backups) == []
    with SnapshotContents(made.path / LEDGER) as contents:
        assert set(before) <= {path for path, _ in contents.needs.all()}


def test_a_second_backup_copies_what_is_new(node: BackedUpNode, backups: Path) -> None:
    """The older ones go, with the objects that only they needed."""
    node.receive(9, series="2.25.4")
    assert node.back_up(backups, at=NOON + SECOND).copied == 1
    swept = node.objects(1)[0].path
    with node.ledger.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM instances WHERE sop_instance_uid = '2.25.1.1'")
    node.spool.absolute(swept).unlink()
    third = node.back_up(backups, at=NOON + 2 * SECOND, keep=2)
    assert (third.pruned.backups, third.pruned.objects) == ((FIRST,), 0)
    fourth = node.back_up(backups, at=NOON + 3 * SECOND, keep=1)
    assert (len(fourth.pruned.backups), fourth.pruned.objects) == (2, 1)
    assert not (backups / swept).exists()
    assert problems(backups) == []
    with pytest.raises(BackupError, match="of this second already"):
        node.back_up(backups, at=NOON + 3 * SECOND)


def test_an_older_backup_that_is_damaged_keeps_the_objects(
    node: BackedUpNode, backups: Path
) -> None:
    """Nobody knows what it needs."""
    (backups / "backups" / FIRST / LEDGER).write_bytes(b"\0" * 1000)
    orphan = node.spool.put(b"of no row")
    made = node.back_up(backups, at=NOON + SECOND)
    assert FIRST in made.pruned.problem
    assert (backups / orphan.path).exists()


def test_objects_of_the_spool_that_are_gone_or_damaged(
    node: BackedUpNode, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What retention removed meanwhile is no loss; what the ledger still needs is one, and is
    named.
    """
    missing, damaged = node.objects(3)
    node.spool.absolute(missing.path).unlink()
    damage(node.spool.absolute(damaged.path))
    late = node.receive(7, series="2.25.5")
    node.spool.absolute(late.path).unlink()

    def snapshot(url: str, file: Path) -> Snapshot:
        taken = real(url, file)
        with node.ledger.database.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM instances WHERE path = '{late.path}'")
        return taken

    real = make.take_snapshot
    monkeypatch.setattr(make, "take_snapshot", snapshot)
    manifest = node.back_up(backups.with_name("others")).manifest
    assert manifest.removed == (late.path,)
    assert manifest.missing == (missing.path,)
    assert manifest.damaged == (damaged.path,)
    assert not manifest.is_whole
    assert problems(backups.with_name("others")) == []
    assert not (backups.with_name("others") / damaged.path).exists()
    # what an earlier backup has is not lost
    assert node.back_up(backups, at=NOON + SECOND).manifest.is_whole


def test_a_full_disk(node: BackedUpNode, tmp_path: Path) -> None:
    """Before and while it is written: a sentence, and the earlier backup stays."""
    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        if not disk.is_small:
            pytest.skip("only root can make a small disk")
        backups = disk.folder / "backups"
        node.back_up(backups)
        node.receive(8, series="2.25.8")
        with pytest.raises(BackupError, match="is full"):
            node.back_up(backups, at=NOON + SECOND, measured=lambda _: disk.fill())
        with pytest.raises(BackupError, match=r"has no room: .* MB are needed and 0 MB free"):
            node.back_up(backups, at=NOON + SECOND)
        assert problems(backups) == []
        disk.make_room()
        made = node.back_up(backups, at=NOON + SECOND)
        assert problems(backups) == []
        assert made.manifest.name == "20261101T120001Z"


STAGES = {
    "the first object": (make, "copy_object"),
    "the ledger": (make, "take_snapshot"),
    "bundles": (make, "save_bundles"),
    "keys": (make, "save_secrets"),
    "the manifest": (make, "write_file"),
    "the name": (BackupFolder, "publish"),
    "older backups": (make, "prune"),
}


@pytest.mark.parametrize("stage", sampled(list(STAGES)))
def test_a_killed_backup_leaves_the_earlier_one(
    node: BackedUpNode, backups: Path, stage: str
) -> None:
    """The next one removes what it left, and is whole."""
    node.receive(8, series="2.25.8")
    node.close()
    child = multiprocessing.get_context("fork").Process(
        target=back_up_until, args=(node, backups, *STAGES[stage])
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert problems(backups, FIRST) == []
    made = node.back_up(backups, at=NOON + 2 * SECOND, keep=1)
    assert problems(backups) == []
    assert made.manifest.counts.files == 8
    assert list((backups / "incoming").iterdir()) == []
    assert len(list((backups / "backups").iterdir())) == 1


def back_up_until(node: BackedUpNode, backups: Path, place: object, name: str) -> None:
    """The process ends at once where it would call this function."""
    setattr(place, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    node.back_up(backups, at=NOON + SECOND)


def test_one_backup_at_a_time(node: BackedUpNode, backups: Path) -> None:
    with writing(backups), pytest.raises(BackupError, match="another backup or restore uses"):
        node.back_up(backups, at=NOON + SECOND)


def test_folders_that_are_none_of_ours(new_node: NewNode, tmp_path: Path) -> None:
    """Nothing is written into them."""
    node = new_node()
    with pytest.raises(NoLedger):
        node.back_up(tmp_path / "backups")
    node.fill()
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.doc").touch()
    with pytest.raises(ConfigError, match=r"holds other things \(thesis.doc\)"):
        node.back_up(full)
    assert [each.name for each in full.iterdir()] == ["thesis.doc"]
    with pytest.raises(ConfigError, match="is not a folder"):
        node.back_up(full / "thesis.doc")
    with pytest.raises(ConfigError, match="lies in the spool"):
        node.back_up(node.folder / "spool" / "backups")
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "ich-node-backup.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(BackupError, match="is of a newer ich-node"):
        node.back_up(newer)


def test_two_nodes_do_not_share_a_folder(
    node: BackedUpNode, filled: NewNode, backups: Path
) -> None:
    """Each would remove the other's backups."""
    other = filled()
    with pytest.raises(ConfigError, match="holds backups of another node"):
        other.back_up(backups, at=NOON + SECOND)
    assert problems(backups) == []


def test_without_keys(node: BackedUpNode, backups: Path) -> None:
    made = node.back_up(backups, at=NOON + SECOND, with_secrets=False)
    assert made.manifest.secrets == ()
    assert "--without-keys" in made.manifest.left_out[-1]
    assert not (made.path / "secrets").exists()


def test_a_damaged_ledger_is_no_backup(node: BackedUpNode, backups: Path) -> None:
    """It is found when the backup is made, not when it is needed."""
    size = node.file.stat().st_size
    with node.file.open("r+b") as file:
        file.seek(size - 3 * 4096)
        file.write(b"\xff" * 2 * 4096)
    with pytest.raises(BackupError, match="is damaged"):
        node.back_up(backups, at=NOON + SECOND)
    assert problems(backups) == []


@pytest.mark.extended
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_ledger_of_a_later_version_that_only_adds(
    filled: NewNode, new_node: NewNode, backups: Path, backend
) -> None:
    """The program that went back one version backs up what it knows, and says what it does not. Of
    SQLite all of it is copied.
    """
    node = filled(backend)
    with node.ledger.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN later INTEGER")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    node.ledger.measurements.keep(FLOOR, {USABLE_FROM: HEAD}, now=NOON)
    manifest = node.back_up(backups).manifest
    is_whole_copy = backend == "sqlite"
    assert manifest.schema_version == ("9999" if is_whole_copy else HEAD)
    assert ("jobs.later" in "".join(manifest.left_out)) is not is_whole_copy
    other = new_node("sqlite")
    other.restore(backups)
    assert len(other.ledger.operator.list()) == 3


@pytest.mark.parametrize("backend", SQLITE_FIRST)
def test_a_ledger_of_an_earlier_version(new_node: NewNode, backups: Path, backend) -> None:
    """Backed up as it is, before an upgrade; restored, it is brought up to date."""
    node = new_node(backend)
    engine = file_engine(node.file) if backend == "sqlite" else sa.create_engine(node.url)
    with engine.begin() as connection:
        make_schema(connection, "0004")
    engine.dispose()
    made = node.back_up(backups)
    assert made.manifest.schema_version == "0004"
    other = new_node(backend)
    other.restore(backups)
    assert other.ledger.operator.list() == []
