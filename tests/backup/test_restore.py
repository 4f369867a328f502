"""`ich-node restore`: the node reads on; what is no backup is refused with a sentence."""

import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ich_node.backup import restore
from ich_node.backup.folder import BackupFolder
from ich_node.errors import BackupError, ConfigError
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.pauses import READING, to_destination
from ich_node.processes.running import RunningService, announced
from tests.backup.conftest import BACKENDS, NewNode
from tests.support.backed_up import NOON, RECORD, SECRET, BackedUpNode, damage
from tests.support.extended import sampled
from tests.support.ledger_examples import LEASE, T0

FIRST = "20261101T120000Z"
LATER = NOON + timedelta(hours=1)
CHANGED_BY_A_RESTORE = {"heartbeats", "jobs", "job_events", "deliveries", "audit_events"}


@pytest.mark.parametrize(
    ("backend", "to"),
    [
        ("sqlite", "sqlite"),
        ("sqlite", "postgresql"),
        ("postgresql", "sqlite"),
        pytest.param("postgresql", "postgresql", marks=pytest.mark.extended),
    ],
)
def test_a_restored_node_reads_on(
    filled: NewNode, new_node: NewNode, backups: Path, untrained_bundle: Path, backend: str, to: str
) -> None:
    """Into the same database, and into the other one. What processes held is free again, every try
    counts as it did, and what was owed is owed.
    """
    bundle = untrained_bundle.read_bytes()
    node, other = filled(backend, bundle=bundle), new_node(to)
    node.back_up(backups)
    restored = other.restore(backups, now=LATER)
    assert restored.copied == 7
    assert other.lacks() == []
    then, now = node.rows(), other.rows()
    for table in then.keys() - CHANGED_BY_A_RESTORE - {"activations"}:
        assert now[table] == then[table], table
    assert len(now["jobs"]) == len(then["jobs"])

    assert other.ledger.heartbeats.all() == []
    active = other.ledger.activations.active_bundle()
    assert active is not None
    assert Path(active.path).is_relative_to(other.folder)
    assert Path(active.path).read_bytes() == bundle
    for name, secret in (("board.secret", SECRET), ("var/search.key", None)):
        file = other.folder / name
        assert file.read_bytes() == (secret or (node.folder / name).read_bytes())
        assert file.stat().st_mode & 0o777 == 0o600
    record = other.spool.folder / RECORD
    assert (record.read_text(), record.stat().st_mtime) == ("<p>passed", T0.timestamp())
    other.ledger.search_keys.for_receiving(other.node.config.database.search_key, now=LATER)

    claimed = [
        other.ledger.reading.claim(owner="new:1", now=LATER, lease=LEASE, max_attempts=3)
        for _ in range(2)
    ]
    assert [job and (job.series_instance_uid, job.attempts) for job in claimed] == [
        ("2.25.2", 1),
        ("2.25.3", 1),
    ]
    sent = [
        each
        for _ in range(2)
        for each in other.ledger.delivery.claim_deliveries(
            owner="new:2", now=LATER, lease=LEASE, limit=9
        )
    ]
    assert {each.destination for each in sent} == {"pacs", "board"}
    assert {each.first_at for each in sent} == {LATER}
    assert {each.path for each in sent} == {each.path for each in node.ledger.operator.results(1)}
    # new rows follow the old ones
    assert other.receive(5, series="2.25.9").path
    assert other.ledger.operator.list()[0].id == 4


def test_a_paused_node_waits_for_an_operator(
    node: BackedUpNode, new_node: NewNode, backups: Path
) -> None:
    """It reads nothing and sends nothing: what is missing can be pulled first."""
    other = new_node()
    other.restore(backups, is_paused=True, now=LATER)
    paused = {each.target for each in other.ledger.pauses.in_force(LATER)}
    assert paused == {READING, to_destination("pacs"), to_destination("board")}
    other.ledger.pauses.resume(paused, now=LATER, who="it")
    assert other.ledger.pauses.in_force(LATER + timedelta(seconds=1)) == []


def test_a_restore_that_is_repeated_copies_what_is_missing(
    node: BackedUpNode, new_node: NewNode, backups: Path
) -> None:
    """With a ledger that has jobs it is refused, or the ledger is moved aside."""
    other = new_node()
    assert other.restore(backups).copied == 7
    other.close()
    with pytest.raises(BackupError, match=r"a ledger with 3 jobs; --replace moves it aside"):
        other.restore(backups)
    again = other.restore(backups, may_replace=True)
    assert again.copied == 0
    assert again.aside == other.folder / "ledger.sqlite.before-restore-1"
    assert again.aside.exists()
    assert len(other.ledger.operator.list()) == 3


STAGES = ("copy_object", "restore_secrets", "prepare", "put_in_place")


@pytest.mark.parametrize("stage", sampled(STAGES))
def test_a_killed_restore_is_run_again(
    node: BackedUpNode, new_node: NewNode, backups: Path, stage: str
) -> None:
    """Until its last step there is no ledger, so that nothing starts with half of the objects."""
    other = new_node()
    child = multiprocessing.get_context("fork").Process(
        target=restore_until, args=(other, backups, stage)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert not other.file.exists()
    other.restore(backups)
    assert other.lacks() == []
    assert sorted(each.name for each in other.folder.glob("*sqlite*") if each != other.file) == [
        "ledger.sqlite-shm",
        "ledger.sqlite-wal",
    ]


def restore_until(other: BackedUpNode, backups: Path, name: str) -> None:
    """The process ends at once where it would call this function."""
    setattr(restore, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    other.restore(backups)


def test_a_ledger_without_jobs_makes_room(
    node: BackedUpNode, filled: NewNode, backups: Path
) -> None:
    """The services of a new installation were started before the restore."""
    for backend in BACKENDS:
        other = filled(backend, empty=True)
        assert other.ledger.operator.list() == []
        other.close()
        other.restore(backups)
        assert len(other.ledger.operator.list()) == 3


def test_a_postgresql_with_jobs_is_never_replaced(
    node: BackedUpNode, filled: NewNode, backups: Path
) -> None:
    other = filled("postgresql")
    with pytest.raises(BackupError, match="make an empty one"):
        other.restore(backups, may_replace=True)


def test_services_are_stopped_first(node: BackedUpNode, new_node: NewNode, backups: Path) -> None:
    """Those of this host, and those of others that use the ledger."""
    other = new_node()
    service = RunningService(name="send", pid=7, config="", needs_restart={})
    with (
        announced(other.spool.folder, service),
        pytest.raises(BackupError, match=r"services run: send \(pid 7\)"),
    ):
        other.restore(backups)
    other.ledger.heartbeats.beat(
        Heartbeat(
            host="far",
            service="receive",
            pid=1,
            version="0",
            started_at=T0,
            beat_at=NOON,
            is_ready=True,
        )
    )
    with pytest.raises(BackupError, match="did a minute ago: receive on far"):
        other.restore(backups)


def test_another_search_key_is_not_overwritten(
    node: BackedUpNode, new_node: NewNode, backups: Path
) -> None:
    other = new_node()
    (other.folder / "var").mkdir()
    (other.folder / "var/search.key").write_text("0" * 64)
    with pytest.raises(BackupError, match="is another key than that of the backup"):
        other.restore(backups)


def test_what_retention_removed_meanwhile_is_swept(
    node: BackedUpNode, new_node: NewNode, backups: Path
) -> None:
    """The restored ledger does not name files that nobody has."""
    other = new_node()
    job = node.read(destinations=())
    (gone, _) = node.objects(job.id)
    made = node.back_up(backups, at=LATER)
    manifest = made.path / "manifest.json"
    values = json.loads(manifest.read_text())
    values["removed"] = [gone.path]
    manifest.write_text(json.dumps(values))
    (backups / gone.path).unlink()
    other.restore(backups)
    assert other.lacks() == []
    assert other.objects(job.id) == []


Broken = Callable[[Path, Path], object]
REFUSED: dict[str, tuple[Broken, type[Exception], str]] = {
    "no folder": (lambda all_, _: all_.rename(all_.with_name("x")), BackupError, "there is no"),
    "no marker": (
        lambda all_, _: (all_ / "ich-node-backup.json").unlink(),
        BackupError,
        "is no folder of backups of ich-node",
    ),
    "a marker that is no JSON": (
        lambda all_, _: (all_ / "ich-node-backup.json").write_text("{"),
        BackupError,
        "ich-node-backup.json is damaged",
    ),
    "no backup": (
        lambda _, one: one.rename(one.with_name("elsewhere")),
        BackupError,
        "holds no finished backup",
    ),
    "no manifest": (
        lambda _, one: (one / "manifest.json").unlink(),
        BackupError,
        "has no manifest",
    ),
    "half a manifest": (
        lambda _, one: (one / "manifest.json").write_text((one / "manifest.json").read_text()[:99]),
        BackupError,
        "manifest.json is damaged: it is no JSON",
    ),
    "a manifest that leads elsewhere": (
        lambda _, one: _change(one, secrets=[_secret("../../etc/shadow")]),
        BackupError,
        "is no file of a backup",
    ),
    "a manifest of a later format": (
        lambda _, one: _change(one, format=2),
        BackupError,
        "is of a newer ich-node",
    ),
    "a later schema": (
        lambda _, one: _of_a_later_version(one),
        BackupError,
        "was made by ich-node 7.1, and this version cannot use its ledger: .* has schema 9999",
    ),
    "half a ledger": (
        lambda _, one: (one / "ledger.sqlite").write_bytes(b"SQLite format 3\0" * 9),
        BackupError,
        "ledger.sqlite is damaged",
    ),
    "no ledger": (
        lambda _, one: (one / "ledger.sqlite").unlink(),
        BackupError,
        "ledger.sqlite is missing",
    ),
    "a key with other bytes": (
        lambda _, one: damage(one / "secrets" / "01-search.key"),
        BackupError,
        "01-search.key is damaged",
    ),
    "half an object": (
        lambda all_, _: next(all_.glob("objects/*/*")).write_bytes(b"half"),
        BackupError,
        "1 objects are missing in",
    ),
    "an object with other bytes": (
        lambda all_, _: damage(next(all_.glob("objects/*/*"))),
        BackupError,
        "1 objects of the backup are damaged",
    ),
}


@pytest.mark.parametrize("case", sampled(list(REFUSED)))
def test_what_is_no_backup_is_refused(
    node: BackedUpNode, new_node: NewNode, backups: Path, case: str
) -> None:
    """With a sentence, and there is no ledger after it."""
    other = new_node()
    broken, error, sentence = REFUSED[case]
    broken(backups, backups / "backups" / FIRST)
    with pytest.raises(error, match=sentence):
        other.restore(backups)
    assert not (other.folder / "ledger.sqlite").exists()
    assert not (other.folder / "restoring.sqlite").exists()


def test_an_incomplete_backup_is_better_than_none(
    node: BackedUpNode, new_node: NewNode, backups: Path
) -> None:
    other = new_node()
    first, second = sorted(backups.glob("objects/*/*.dcm"))[:2]
    first.unlink()
    damage(second)
    restored = other.restore(backups, may_be_incomplete=True)
    assert {Path(path).name for path in restored.lost} == {first.name, second.name}
    assert len(other.ledger.operator.list()) == 3


def test_one_of_several_backups(node: BackedUpNode, new_node: NewNode, backups: Path) -> None:
    other = new_node()
    node.receive(1, series="2.25.8")
    node.back_up(backups, at=LATER)
    assert BackupFolder(path=backups).names() == ["20261101T130000Z", FIRST]
    other.restore(backups, name=FIRST)
    assert len(other.ledger.operator.list()) == 3
    with pytest.raises(BackupError, match="holds no backup monday; it has 20261101T130000Z, "):
        other.plan(backups, name="monday")


def test_a_database_of_others(node: BackedUpNode, new_node: NewNode, backups: Path) -> None:
    """Its tables stay."""
    other = new_node("postgresql")
    engine = sa.create_engine(other.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(ConfigError, match="holds tables that are not of ich-node"):
        other.restore(backups)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["theirs"]
    engine.dispose()


def _of_a_later_version(one: Path) -> None:
    file = one / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9999'")
        ledger.execute("DELETE FROM measurements")  # among them: which programs can use it
        ledger.commit()
    files = json.loads((one / "manifest.json").read_text())["files"]
    changed = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    others = [each for each in files if each["path"] != file.name]
    (mine,) = (each for each in files if each["path"] == file.name)
    _change(one, version="7.1", files=[*others, mine | changed])


def _change(one: Path, **values: object) -> None:
    manifest = one / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | values))


def _secret(file: str) -> dict[str, object]:
    return {"setting": "[tls] key", "path": "/x", "file": file, "mode": 384}
