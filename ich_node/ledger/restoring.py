"""A snapshot becomes the ledger of a node again.

All of it happens in a file that no process knows: it is brought up to this program's schema, what
processes held when the snapshot was taken is given back, and paths of bundles become those of this
installation. Then it gets the ledger's name in one step; or its rows go into an empty PostgreSQL,
in one transaction.
"""

import os
import shutil
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ich_node.errors import BackupError, ConfigError, NoLedger
from ich_node.ledger import retention
from ich_node.ledger.database import (
    BUSY_SECONDS,
    Database,
    errors_explained,
    make_engine,
    make_looking_engine,
    name_of,
)
from ich_node.ledger.endings import NO_LEASE
from ich_node.ledger.journal import note
from ich_node.ledger.migrate import update_schema
from ich_node.ledger.pauses import READING, to_destination
from ich_node.ledger.schema import schema_of, version_of
from ich_node.ledger.snapshot import snapshot_engine
from ich_node.ledger.states import SETTLED, DeliveryState, JobState, ReadingState
from ich_node.ledger.tables import (
    activations,
    alert_channels,
    audit_events,
    deliveries,
    heartbeats,
    instances,
    jobs,
    map_files,
    measurements,
    pauses,
    readings,
    results,
    shadows,
)
from ich_node.ledger.whole_ledger import copy_rows, empty, file_engine

RESTORE = "restore"  # the action in the journal
FRESH = timedelta(minutes=1)  # a process that lives beats every ten seconds
ENDED = "ended %"  # measurements of when processes of the services ended


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """backup: its name. bundles: by SHA-256, the paths of bundles here; read_with: the same by
    their earlier paths. removed: files of the spool that retention removed while the backup was
    made. is_paused: no series is read, and nothing is sent to these destinations, and to others
    that are owed something, until an operator resumes it.
    """

    backup: str
    at: datetime
    who: str
    host: str
    now: datetime
    bundles: Mapping[str, str]
    read_with: Mapping[str, str]
    removed: Collection[str]
    is_paused: bool
    destinations: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Occupied:
    """What is at the URL already. schema: None: nothing. alive: host and service of processes whose
    heartbeat is younger than a minute.
    """

    schema: str | None
    jobs: int = 0
    alive: tuple[str, ...] = ()


def what_is_there(url: str, *, now: datetime) -> Occupied:
    """Raises ConfigError if it is no ledger, or the URL cannot be used, Unavailable."""
    try:
        engine = make_looking_engine(url, busy_seconds=BUSY_SECONDS)
    except NoLedger:
        return Occupied(schema=None)
    try:
        with Database(engine=engine).read() as connection:
            schema = version_of(connection)
            names = sa.inspect(connection).get_table_names()
            if schema is None and names:
                raise ConfigError(
                    f"[database] url: {name_of(engine)} holds tables that are not of ich-node; name"
                    " an empty database"
                )
            if schema is None:
                return Occupied(schema=None)
            count = sa.select(sa.func.count()).select_from(sa.table("jobs"))
            beats = (
                sa.select(heartbeats.c.host, heartbeats.c.service).where(
                    heartbeats.c.beat_at > now - FRESH
                )
                if "heartbeats" in names
                else None
            )
            alive = [] if beats is None else connection.execute(beats).all()
            return Occupied(
                schema=schema,
                jobs=int(connection.execute(count).scalar_one()),
                alive=tuple(sorted({f"{row.service} on {row.host}" for row in alive})),
            )
    except sa.exc.DatabaseError as error:
        raise ConfigError(
            f"[database] url: {name_of(engine)} is not a ledger of ich-node: {error.orig}"
        ) from error
    finally:
        engine.dispose()


def require_usable_snapshot(file: Path, version: str) -> None:
    """version: of the program that made the backup. Raises BackupError."""
    engine = snapshot_engine(file)
    try:
        schema_of(engine)
    except ConfigError as error:
        raise BackupError(
            f"the backup was made by ich-node {version}, and this version cannot use its ledger:"
            f" {error.detail}; install that version, or a later one, and restore with it"
        ) from error
    finally:
        engine.dispose()


def prepare(snapshot: Path, file: Path, restoration: Restoration) -> None:
    """A copy of the snapshot under `file`, ready to be the ledger. Raises SpoolFull, Unavailable,
    OSError.
    """
    shutil.copyfile(snapshot, file)
    file.chmod(0o600)
    engine = file_engine(file)
    try:
        update_schema(engine, with_copy=False)
        with errors_explained(), engine.begin() as connection:
            _forget_removed(connection, restoration)
            _give_back(connection, restoration)
            _use_bundles_here(connection, restoration)
            _pause(connection, restoration)
            connection.execute(
                sa.insert(audit_events).values(
                    at=restoration.now,
                    who=restoration.who,
                    address=restoration.host,
                    action=RESTORE,
                    target=restoration.backup,
                    outcome="done",
                    detail=f"as it was at {restoration.at.isoformat(timespec='seconds')}",
                )
            )
    finally:
        engine.dispose()


def put_in_place(file: Path, url: str) -> Path | None:
    """The prepared file becomes the ledger behind the URL; where a ledger was moved to, which was
    there. A PostgreSQL must have no jobs.

    Raises SpoolFull, Unavailable, OSError.
    """
    engine = make_engine_for(url)
    if engine is not None:
        try:
            _load_into_server(file, engine)
        finally:
            engine.dispose()
        file.unlink()
        return None
    place = Path(str(sa.make_url(url).database))
    # now, and not by services that start at the same time: they would find it locked
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with file.open("rb") as written:
        os.fsync(written.fileno())
    aside = _move_aside(place)
    file.rename(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return aside


def make_engine_for(url: str) -> sa.Engine | None:
    """None for SQLite, whose ledger is a file."""
    if sa.make_url(url).get_backend_name() == "sqlite":
        return None
    return make_engine(url, busy_seconds=BUSY_SECONDS)


def _load_into_server(file: Path, engine: sa.Engine) -> None:
    source = file_engine(file)
    try:
        update_schema(engine)
        with errors_explained(), source.connect() as rows, engine.begin() as server:
            empty(server)
            copy_rows(rows, server)
    finally:
        source.dispose()


def _move_aside(place: Path) -> Path | None:
    """With what SQLite has beside it: the newest commits are there until somebody opens it."""
    if not place.exists():
        return None
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = 1
    while (aside := place.with_name(f"{place.name}.before-restore-{number}")).exists():
        number += 1
    place.rename(aside)
    for left in ("-wal", "-shm"):
        place.with_name(f"{place.name}{left}").unlink(missing_ok=True)
    return aside


def _forget_removed(connection: sa.Connection, restoration: Restoration) -> None:
    """As retention did, after the snapshot and before the files were copied."""
    paths = list(restoration.removed)
    for first in range(0, len(paths), 500):
        some = paths[first : first + 500]
        of_objects = sa.select(
            instances.c.series_instance_uid, instances.c.study_instance_uid
        ).where(instances.c.path.in_(some))
        of_files = [
            sa.select(jobs.c.series_instance_uid, jobs.c.study_instance_uid)
            .join(table, table.c.job_id == jobs.c.id)
            .where(table.c.path.in_(some))
            for table in (results, map_files)
        ]
        for series in connection.execute(sa.union(of_objects, *of_files)).all():
            retention.sweep_series(connection, series, failed_too=True, now=restoration.now)


def _give_back(connection: sa.Connection, restoration: Restoration) -> None:
    """What processes held that are gone: no attempt counts. What is owed is owed from now on, for
    the whole time in which a destination is asked again.
    """
    now = restoration.now
    was_reading = list(
        connection.execute(sa.select(jobs.c.id).where(jobs.c.state == JobState.READING)).scalars()
    )
    connection.execute(
        sa.update(jobs)
        .where(jobs.c.state == JobState.READING)
        .values(state=JobState.WAITING, attempts=jobs.c.attempts - 1, **NO_LEASE)
    )
    for job_id in was_reading:
        detail = f"restored from the backup {restoration.backup}"
        note(connection, job_id=job_id, at=now, event="released", detail=detail)
    for held in (
        jobs.c.looked_at_until,
        jobs.c.reader_killed_at,
        audit_events.c.claimed_until,
        pauses.c.busy_until,
    ):
        connection.execute(sa.update(held.table).where(held.is_not(None)).values({held.name: None}))
    connection.execute(
        sa.update(readings)
        .where(readings.c.state == ReadingState.READING)
        .values(state=ReadingState.WAITING, attempts=readings.c.attempts - 1, **NO_LEASE)
    )
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.state == DeliveryState.SENDING)
        .values(state=DeliveryState.PENDING, **NO_LEASE)
    )
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.state == DeliveryState.PENDING)
        .values(next_at=now, first_at=now)
    )
    connection.execute(sa.update(alert_channels).values(lease_owner=None, lease_until=None))
    connection.execute(sa.delete(heartbeats))
    connection.execute(sa.delete(measurements).where(measurements.c.name.like(ENDED)))


def _use_bundles_here(connection: sa.Connection, restoration: Restoration) -> None:
    for sha256, path in restoration.bundles.items():
        for table, digest, column in (
            (activations, activations.c.sha256, "path"),
            (shadows, shadows.c.bundle_sha256, "path"),
            (readings, readings.c.bundle_sha256, "bundle_path"),
        ):
            connection.execute(sa.update(table).where(digest == sha256).values({column: path}))
    for earlier, path in restoration.read_with.items():
        connection.execute(
            sa.update(jobs).where(jobs.c.read_with == earlier).values(read_with=path)
        )


def _pause(connection: sa.Connection, restoration: Restoration) -> None:
    if not restoration.is_paused:
        return
    owed = sa.select(deliveries.c.destination).where(deliveries.c.state.not_in(SETTLED)).distinct()
    names = {*restoration.destinations, *connection.execute(owed).scalars()}
    targets = [READING, *map(to_destination, sorted(names))]
    connection.execute(sa.delete(pauses).where(pauses.c.target.in_(targets)))
    connection.execute(
        sa.insert(pauses),
        [
            {
                "target": target,
                "since": restoration.now,
                "until": None,
                "who": restoration.who,
                "why": f"restored from the backup {restoration.backup}",
            }
            for target in targets
        ],
    )
