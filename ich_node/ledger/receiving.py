"""The receiver's part of the ledger: objects arrive, and a series becomes a job."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.errors import Unavailable
from ich_node.ledger.arrival import TERMS, Arrival, complete_terms
from ich_node.ledger.commitments import CommitmentLedger
from ich_node.ledger.database import Database
from ich_node.ledger.group_commit import GroupCommit
from ich_node.ledger.instances import IS_OPEN, instances_of
from ich_node.ledger.journal import note
from ich_node.ledger.pauses import PauseLedger
from ich_node.ledger.revisions import open_revision
from ich_node.ledger.rows import Instance, Job, SearchTerms
from ich_node.ledger.states import Added, JobState, Lane
from ich_node.ledger.tables import as_values, columns_of, instances, jobs
from ich_node.ledger.verdicts import VerdictLedger

TRIES = 5
# A head of ordinary slices has 20 to 60 objects. A series of thin slices takes as long to read as
# many of these.
MOST_ORDINARY_OBJECTS = 100
MOST_IN_ONE_QUERY = 1000


def _capped(ready_at: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime]:
    return sa.case((jobs.c.ready_by < ready_at, jobs.c.ready_by), else_=ready_at)


# The statements are constants: building one, and finding it in SQLAlchemy's cache, costs more than
# executing it.
VERSIONS = sa.select(instances.c.sha256).where(
    instances.c.sop_instance_uid == sa.bindparam("sop_instance_uid")
)
# By study and series: some systems give the same series UID to two patients, who must not be mixed.
OF_SERIES = sa.and_(
    jobs.c.series_instance_uid == sa.bindparam("of_series_uid"),
    jobs.c.study_instance_uid == sa.bindparam("of_study_uid"),
)
NO_REVISION = (0, 0, 0, *(None for _ in TERMS))
NEWEST_REVISION = (
    sa.select(jobs.c.id, jobs.c.revision, jobs.c.objects, *(jobs.c[name] for name in TERMS))
    .where(OF_SERIES)
    .order_by(jobs.c.revision.desc())
    .limit(1)
)
HAS_BECOME_LARGE = sa.and_(jobs.c.lane != Lane.URGENT, jobs.c.objects >= MOST_ORDINARY_OBJECTS)
GROWN = {
    "ready_at": _capped(sa.bindparam("at", type_=jobs.c.ready_at.type)),
    "last_received_at": sa.bindparam("received_at"),
    "objects": jobs.c.objects + 1,
    "lane": sa.case(
        (HAS_BECOME_LARGE, sa.literal(Lane.LARGE, jobs.c.lane.type)), else_=jobs.c.lane
    ),
}
JOIN = (
    sa.update(jobs)
    .where(OF_SERIES, jobs.c.revision == sa.bindparam("of_revision"), IS_OPEN)
    .values(GROWN)
)
JOIN_URGENTLY = JOIN.values(lane=Lane.URGENT)
# Nearly every object is new, and belongs to a series whose newest revision is open: one UPDATE
# checks both.
OTHERS = jobs.alias()
NEWEST = sa.select(sa.func.max(OTHERS.c.revision)).where(
    OTHERS.c.series_instance_uid == jobs.c.series_instance_uid,
    OTHERS.c.study_instance_uid == jobs.c.study_instance_uid,
)
IS_NEW = ~sa.exists().where(instances.c.sop_instance_uid == sa.bindparam("sop_instance_uid"))
JOIN_AS_NEW = (
    sa.update(jobs)
    .where(OF_SERIES, jobs.c.revision == NEWEST.scalar_subquery(), IS_OPEN, IS_NEW)
    .values(GROWN)
    .returning(jobs.c.revision, jobs.c.id, *(jobs.c[name] for name in TERMS))
)
INSERT = (
    sa.insert(instances)
    .inline()
    .values({c.name: sa.bindparam(c.name) for c in instances.columns if c.name != "id"})
)


class ReceiverLedger:
    """Adds objects, and sets the time at which a series counts as complete.

    commitments: for the answers of destinations that come to the listener. verdicts: for the Key
    Object Selections of readers.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._group_commit = GroupCommit(write=self._add_all)
        self._join = database.prepare(JOIN_AS_NEW)
        self._join_urgently = database.prepare(JOIN_AS_NEW.values(lane=Lane.URGENT))
        self._insert = database.prepare(INSERT)
        self.commitments = CommitmentLedger(database=database)
        self.verdicts = VerdictLedger(database=database)
        self.pauses = PauseLedger(database=database)

    def add(
        self,
        instance: Instance,
        *,
        ready_at: datetime,
        max_wait: timedelta,
        urgent: bool = False,
        terms: Callable[[], SearchTerms] = SearchTerms,
    ) -> Added:
        """Record an object that lies in the spool; it is durable when this returns.

        It joins the series' newest job while that was never claimed, else it opens the next
        revision, which covers all objects of the series. The job becomes ready at ready_at, but not
        later than max_wait after its first object. One urgent object makes it urgent.

        terms: asked for only while the series lacks some; its first object that has one counts.
        """
        return self._group_commit(
            Arrival(
                instance=instance,
                ready_at=ready_at,
                max_wait=max_wait,
                urgent=urgent,
                terms=terms,
            )
        )

    def _add_all(self, arrivals: Sequence[Arrival]) -> list[Added]:
        """Two transactions. If the second one fails, objects of the first are recorded although
        their senders hear of a failure; sent again, they are duplicates.
        """
        joined = self._join_all(arrivals)
        unusual = [one for one, has_joined in zip(arrivals, joined, strict=True) if not has_joined]
        outcomes = iter(self._add_unusual(unusual) if unusual else ())
        return [Added.NEW if has_joined else next(outcomes) for has_joined in joined]

    def _join_all(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """True for each object that was new and joined an open revision; the others go to
        _add_unusual.

        All of them go there if the driver raises an error: _add_unusual then succeeds or explains
        it.
        """
        try:
            with self._database.write() as connection:
                return [self._joins_as_new(connection, arrival) for arrival in arrivals]
        except self._database.driver_error:
            return [False] * len(arrivals)

    def _joins_as_new(self, connection: sa.Connection, arrival: Arrival) -> bool:
        instance, cursor = arrival.instance, connection.connection.cursor()
        join = self._join_urgently if arrival.urgent else self._join
        values = {**vars(instance), **_of_series(instance), "at": arrival.ready_at}
        join.execute(cursor, values)
        row = cursor.fetchone()
        if row is None:
            return False
        self._insert.execute(cursor, {**vars(instance), "revision": row[0]})
        _, job_id, *known = row
        complete_terms(connection, job_id, arrival.missing_terms(known))
        return True

    def _add_unusual(self, arrivals: Sequence[Arrival]) -> list[Added]:
        """Add objects of any kind: the first of a series, a duplicate, another version, a late
        one.
        """
        for _ in range(TRIES):
            try:
                with self._database.write() as connection:
                    return [_add(connection, arrival) for arrival in arrivals]
            except sa.exc.IntegrityError:
                # PostgreSQL: another receiver recorded the same object, or opened the same
                # revision, at this moment
                continue
        raise Unavailable(
            f"{arrivals[0].instance.sop_instance_uid}: other processes keep adding to its series;"
            " try again"
        )

    def series_positions(self, series_instance_uid: str) -> list[tuple[str | None, float | None]]:
        """(orientation, position in mm) of each object of the series' newest open job; empty if
        there is none.
        """
        with self._database.read() as connection:
            return [
                (instance.orientation, instance.position_mm)
                for instance in _of_newest_open_job(connection, series_instance_uid)
            ]

    def open_instances(self, series_instance_uid: str) -> set[str]:
        """The SOP Instance UIDs of the series' newest open job; empty if there is none."""
        with self._database.read() as connection:
            return {
                instance.sop_instance_uid
                for instance in _of_newest_open_job(connection, series_instance_uid)
            }

    def find(self, sop_instance_uids: Sequence[str]) -> list[Instance]:
        """The newest recorded version of each of these objects; unknown ones are left out."""
        found: dict[str, Instance] = {}
        with self._database.read() as connection:
            for start in range(0, len(sop_instance_uids), MOST_IN_ONE_QUERY):
                some = sop_instance_uids[start : start + MOST_IN_ONE_QUERY]
                query = sa.select(*columns_of(Instance, instances)).where(
                    instances.c.sop_instance_uid.in_(some)
                )
                for instance in as_values(
                    Instance, connection.execute(query.order_by(instances.c.id))
                ):
                    found[instance.sop_instance_uid] = instance
        return list(found.values())

    def set_ready(
        self,
        series_instance_uids: Collection[str],
        *,
        ready_at: datetime,
        aborted: bool | None = None,
    ) -> None:
        """Set the time at which these series count as complete, but not later than max_wait allows
        (see `add`).

        aborted: whether the association that brought them broke; None leaves what is known.
        """
        values: dict[str, Any] = {"ready_at": _capped(sa.literal(ready_at, jobs.c.ready_at.type))}
        if aborted is not None:
            values["transfer_aborted"] = aborted
        with self._database.write() as connection:
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.series_instance_uid.in_(series_instance_uids), IS_OPEN)
                .values(values)
            )

    def transfer_completed(self, series_instance_uid: str, *, now: datetime) -> None:
        """An association that brought objects of the series was released. If one broke before, the
        series was read as one that may lack slices, and nothing new came since, it is read again:
        the next revision covers the same objects.
        """
        newest = sa.select(sa.func.max(OTHERS.c.revision)).where(
            OTHERS.c.series_instance_uid == jobs.c.series_instance_uid,
            OTHERS.c.study_instance_uid == jobs.c.study_instance_uid,
        )
        doubtful = sa.select(jobs).where(
            jobs.c.series_instance_uid == series_instance_uid,
            jobs.c.revision == newest.scalar_subquery(),
            jobs.c.transfer_aborted.is_(True),
            jobs.c.answer == Answer.UNDETERMINED,
            jobs.c.swept_at.is_(None),
        )
        with self._database.write() as connection:
            for row in connection.execute(doubtful).mappings().all():
                open_revision(
                    connection,
                    row,
                    now=now,
                    event="received",
                    why="the transfer was completed",
                    lane=row["lane"],
                    transfer_aborted=False,
                )


def _add(connection: sa.Connection, arrival: Arrival) -> Added:
    instance = arrival.instance
    known = set(
        connection.execute(VERSIONS, {"sop_instance_uid": instance.sop_instance_uid}).scalars()
    )
    if instance.sha256 in known:
        return Added.DUPLICATE
    # This query comes first: if another receiver opens the next revision after it, ours violates
    # the unique constraint and is tried again.
    row: Sequence[Any] = (
        connection.execute(NEWEST_REVISION, _of_series(instance)).first() or NO_REVISION
    )
    job_id, newest, objects, *terms = row
    missing = arrival.missing_terms(terms)
    if _joins(connection, arrival, newest):
        revision = newest
        complete_terms(connection, job_id, missing)
    else:
        revision = newest + 1
        all_terms = dict(zip(TERMS, terms, strict=True)) | missing
        _open_job(connection, arrival, revision=revision, objects=objects + 1, terms=all_terms)
    connection.execute(INSERT, {**vars(instance), "revision": revision})
    return Added.NEW_VERSION if known else Added.NEW


def _joins(connection: sa.Connection, arrival: Arrival, revision: int) -> bool:
    """Join this revision if it is open; whether it was."""
    grown = {
        **_of_series(arrival.instance),
        "of_revision": revision,
        "at": arrival.ready_at,
        "received_at": arrival.instance.received_at,
    }
    return connection.execute(JOIN_URGENTLY if arrival.urgent else JOIN, grown).rowcount == 1


def _open_job(
    connection: sa.Connection,
    arrival: Arrival,
    *,
    revision: int,
    objects: int,
    terms: dict[str, str | None],
) -> None:
    instance = arrival.instance
    ready_by = instance.received_at + arrival.max_wait
    job_id = connection.execute(
        sa.insert(jobs)
        .values(
            state=JobState.WAITING,
            study_instance_uid=instance.study_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            revision=revision,
            attempts=0,
            ready_at=min(arrival.ready_at, ready_by),
            ready_by=ready_by,
            first_received_at=instance.received_at,
            last_received_at=instance.received_at,
            source=instance.source,
            lane=_first_lane(urgent=arrival.urgent, objects=objects),
            objects=objects,
            objects_looked_at=0,
            transfer_aborted=False,
            **terms,
        )
        .returning(jobs.c.id)
    ).scalar_one()
    note(
        connection,
        job_id=job_id,
        at=instance.received_at,
        event="received",
        detail=f"first object of revision {revision}, from {instance.source}",
    )


def _first_lane(*, urgent: bool, objects: int) -> Lane:
    if urgent:
        return Lane.URGENT
    return Lane.LARGE if objects > MOST_ORDINARY_OBJECTS else Lane.ORDINARY


def _of_series(instance: Instance) -> dict[str, str]:
    return {
        "of_series_uid": instance.series_instance_uid,
        "of_study_uid": instance.study_instance_uid,
    }


def _of_newest_open_job(connection: sa.Connection, series_instance_uid: str) -> list[Instance]:
    newest = (
        sa.select(*columns_of(Job, jobs))
        .where(jobs.c.series_instance_uid == series_instance_uid, IS_OPEN)
        .order_by(jobs.c.id.desc())
        .limit(1)
    )
    return [
        row
        for job in as_values(Job, connection.execute(newest))
        for row in instances_of(connection, job)
    ]
