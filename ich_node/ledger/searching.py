"""Finding jobs among millions: by accession number, patient, study, time, source, state, answer, or
because something is owed.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from operator import attrgetter, eq, ge, gt, le, lt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.rows import Job
from ich_node.ledger.states import SETTLED, JobState
from ich_node.ledger.tables import (
    as_values,
    columns_of,
    deliveries,
    job_events,
    jobs,
    search_keys,
)

MOST_COUNTED = 1000
MOST_IN_ONE_QUERY = 1000
MOST_SOURCES = 50
MOST_OF_ONE_END = 1000
# Up to here it is counted how many jobs an index leaves to look at.
MOST_COMPARED = 5_000
END_CHARACTERS = 8
IS_OWED = deliveries.c.state.not_in(
    # SQLite uses the index of what is owed only if the statement has the words, not parameters
    sa.bindparam("settled", SETTLED, expanding=True, literal_execute=True)
)
NEWEST_FIRST = (jobs.c.first_received_at.desc(), jobs.c.id.desc())
OLDEST_FIRST = (jobs.c.first_received_at, jobs.c.id)


@dataclass(frozen=True, order=True)
class JobPlace:
    """Where a job stands in a list by arrival."""

    at: datetime
    job_id: int


@dataclass(frozen=True, kw_only=True)
class JobSearch:
    """What is looked for: jobs for which all of it is true. None, False and () ask nothing.

    since, until: of the first object's arrival. outcomes: any of these answers or states.
    older_than, newer_than: only what stands behind, or before, this place in the list; of
    newer_than the jobs that stand next to it.
    """

    accession_hmac: str | None = None
    patient_hmac: str | None = None
    study_instance_uid: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    states: tuple[JobState, ...] = ()
    outcomes: tuple[Answer | JobState, ...] = ()
    is_owed: bool = False
    older_than: JobPlace | None = None
    newer_than: JobPlace | None = None


@dataclass(frozen=True, kw_only=True)
class FoundJobs:
    """The newest jobs first. left_out: how many older ones there are, at most MOST_COUNTED + 1.

    owed: job id -> destination -> number of results; ends: series UID -> its shortest end that no
    other series has.
    """

    jobs: list[Job]
    left_out: int
    owed: dict[int, dict[str, int]]
    ends: dict[str, str]


class SearchLedger:
    """Reads only. Every search follows an index, however long the ledger."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def find(self, search: JobSearch, *, limit: int) -> FoundJobs:
        """The newest `limit` of the jobs that are looked for."""
        with self._database.read() as connection:
            found = places(connection, search, limit)
            left_out = 0
            if len(found) == limit:
                older = replace(search, newer_than=None, older_than=found[-1])
                queries = [_ordered(connection, part) for part in parts_of(older)]
                count = sum(_count(connection, query, MOST_COUNTED + 1) for query in queries)
                left_out = min(count, MOST_COUNTED + 1)
            newest = _by_ids(connection, [place.job_id for place in found])
            return _described(connection, newest, left_out=left_out)

    def has_any(self, search: JobSearch) -> bool:
        with self._database.read() as connection:
            return bool(places(connection, search, 1))

    def answered_at(self, chosen: Sequence[Job]) -> dict[int, datetime]:
        """By job id when it last got its answer, or was refused or given up; of those that were."""
        ends = ("done", "refused", "failed")
        query = (
            sa.select(job_events.c.job_id, sa.func.max(job_events.c.at))
            .where(job_events.c.job_id.in_([job.id for job in chosen]))
            .where(job_events.c.event.in_(ends))
            .group_by(job_events.c.job_id)
        )
        with self._database.read() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {job.id: found[job.id] for job in chosen if job.answer and job.id in found}

    def described(self, chosen: Sequence[Job]) -> FoundJobs:
        """These jobs, with what is owed of them and their short names."""
        with self._database.read() as connection:
            return _described(connection, chosen, left_out=0)

    def by_accession(self, accession_hmac: str) -> list[Job]:
        """The newest revision of each series with this accession number, the newest first."""
        search = JobSearch(accession_hmac=accession_hmac)
        return _newest_revisions(self.find(search, limit=MOST_COUNTED).jobs)

    def by_uid(self, uid: str) -> list[Job]:
        """The newest revision of each series whose UID ends so, or whose study has this UID."""
        end = jobs.c.series_uid_end == uid[-END_CHARACTERS:].rjust(END_CHARACTERS, "0")
        query = sa.select(*columns_of(Job, jobs)).order_by(*NEWEST_FIRST).limit(MOST_OF_ONE_END)
        with self._database.read() as connection:
            of_series = as_values(Job, connection.execute(query.where(end)))
            of_study = as_values(
                Job, connection.execute(query.where(jobs.c.study_instance_uid == uid))
            )
        ending = [job for job in of_series if job.series_instance_uid.endswith(uid)]
        exact = [job for job in ending if job.series_instance_uid == uid]
        return _newest_revisions(exact or ending or of_study)

    def newest_id(self) -> int | None:
        """None if there is no job."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.max(jobs.c.id))).scalar()

    def has_jobs_without_search_terms(self) -> bool:
        """Whether jobs were received before the ledger kept any."""
        oldest = sa.select(sa.func.min(jobs.c.first_received_at))
        with self._database.read() as connection:
            since = connection.execute(sa.select(sa.func.min(search_keys.c.made_at))).scalar()
            first = connection.execute(oldest).scalar()
        return first is not None and (since is None or first < since)

    def sources(self) -> list[str]:
        """The names of the sources that sent something, in alphabetical order."""
        names: list[str] = []
        with self._database.read() as connection:
            # A DISTINCT reads the whole index; each of these queries reads one place in it.
            while len(names) < MOST_SOURCES:
                query = sa.select(sa.func.min(jobs.c.source))
                if names:
                    query = query.where(jobs.c.source > names[-1])
                name = connection.execute(query).scalar()
                if name is None:
                    break
                names.append(name)
        return names


def _described(connection: sa.Connection, chosen: Sequence[Job], *, left_out: int) -> FoundJobs:
    return FoundJobs(
        jobs=list(chosen),
        left_out=left_out,
        owed=_owed(connection, [job.id for job in chosen]),
        ends=_ends(connection, {job.series_instance_uid for job in chosen}),
    )


def parts_of(search: JobSearch) -> Iterator[JobSearch]:
    """One search for each state and outcome: within a range of an index with one state, the newest
    jobs come first.
    """
    for state, outcome in product(search.states or (None,), search.outcomes or (None,)):
        yield replace(
            search,
            states=() if state is None else (state,),
            outcomes=() if outcome is None else (outcome,),
        )


def places(connection: sa.Connection, search: JobSearch, limit: int) -> list[JobPlace]:
    """The newest first."""
    found = {
        JobPlace(at, job_id)
        for part in parts_of(search)
        for at, job_id in connection.execute(_ordered(connection, part).limit(limit))
    }
    key = attrgetter("job_id" if search.is_owed else "at", "job_id")
    nearest = sorted(found, key=key, reverse=search.newer_than is None)[:limit]
    return sorted(nearest, key=key, reverse=True)


def _ordered(connection: sa.Connection, part: JobSearch) -> sa.Select[Any]:
    """(first_received_at, id), the newest first; what is newer than a place, from that place on."""
    conditions = conditions_of(part)
    upwards = part.newer_than is not None
    if part.is_owed:
        return _owed_ones(part, where(connection, conditions, follow=()), upwards=upwards)
    conditions += _from_place(part)
    follow = _followed(connection, conditions)
    return (
        sa.select(jobs.c.first_received_at, jobs.c.id)
        .where(*where(connection, conditions, follow=follow), *_beside(part))
        .order_by(*(OLDEST_FIRST if upwards else NEWEST_FIRST))
    )


def _from_place(part: JobSearch) -> "Iterator[Condition]":
    if part.older_than is not None:
        yield TIME, le, part.older_than.at
    if part.newer_than is not None:
        yield TIME, ge, part.newer_than.at


def _beside(part: JobSearch) -> Iterator[sa.ColumnElement[bool]]:
    """Among the jobs that came at the time of a place, those behind it, or before it. The index
    finds the time; a CASE keeps SQLite from using another one.
    """
    at, job_id = jobs.c.first_received_at, jobs.c.id
    for place, compare in ((part.older_than, lt), (part.newer_than, gt)):
        if place is not None:
            yield sa.case((at == place.at, compare(job_id, place.job_id)), else_=sa.true())


def _count(connection: sa.Connection, query: sa.Select[Any], most: int) -> int:
    """Of its rows, at most `most`."""
    counted = sa.select(sa.func.count()).select_from(query.limit(most).subquery())
    return connection.execute(counted).scalar_one()


# column, comparison, value
Condition = tuple[str, Callable[[Any, Any], Any], Any]
TIME = "first_received_at"
# Conditions that leave few jobs, and those whose index has the newest jobs first.
FEW = ("accession_hmac", "patient_hmac", "study_instance_uid")
MANY = ("answer", "source", "state")


def conditions_of(part: JobSearch) -> list[Condition]:
    wanted: list[Condition] = [
        ("accession_hmac", eq, part.accession_hmac),
        ("patient_hmac", eq, part.patient_hmac),
        ("study_instance_uid", eq, part.study_instance_uid),
        ("source", eq, part.source),
        *(("state", eq, state) for state in part.states),
        *(
            ("answer" if isinstance(outcome, Answer) else "state", eq, outcome)
            for outcome in part.outcomes
        ),
        (TIME, ge, part.since),
        (TIME, lt, part.until),
    ]
    return [condition for condition in wanted if condition[2] is not None]


def where(
    connection: sa.Connection, conditions: Sequence[Condition], *, follow: Collection[str]
) -> list[sa.ColumnElement[bool]]:
    """follow: the columns of the index that SQLite shall use. It does not count how many jobs are
    of one source or state, as PostgreSQL does, and takes any index; a plus before a column keeps
    it from that.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    return [
        compare(_PLUS[name] if is_sqlite and name not in follow else jobs.c[name], value)
        for name, compare, value in conditions
    ]


_PLUS = {
    name: UnaryExpression(jobs.c[name], operator=custom_op("+"), type_=jobs.c[name].type)
    for name in (*FEW, *MANY, TIME)
}


def _followed(connection: sa.Connection, conditions: Sequence[Condition]) -> tuple[str, ...]:
    """The columns of the index that leaves the fewest jobs to look at."""
    names = [name for name, _, _ in conditions]
    for name in FEW:
        if name in names:
            return (name,)
    usable = [name for name in MANY if name in names]
    if len(usable) > 1 and connection.dialect.name == "sqlite":
        usable.sort(key=lambda name: _left(connection, name, conditions))
    return (*usable[:1], TIME)


def _left(connection: sa.Connection, name: str, conditions: Sequence[Condition]) -> int:
    """How many jobs there are in the range of this column's index, at most MOST_COMPARED."""
    of_index = [condition for condition in conditions if condition[0] in (name, TIME)]
    some = (
        sa.select(jobs.c.id)
        .where(*where(connection, of_index, follow=(name, TIME)))
        .order_by(jobs.c.first_received_at)
    )
    return _count(connection, some, MOST_COMPARED)


def _owed_ones(
    part: JobSearch, conditions: Sequence[sa.ColumnElement[bool]], *, upwards: bool
) -> sa.Select[Any]:
    """Follows the index of what is owed. Jobs get their ids in the order of their arrival, so their
    places are those of their ids.
    """
    job_id = deliveries.c.job_id
    from_place = [
        compare(job_id, place.job_id)
        for place, compare in ((part.older_than, lt), (part.newer_than, gt))
        if place is not None
    ]
    return (
        sa.select(sa.func.min(jobs.c.first_received_at), job_id)
        .select_from(deliveries.join(jobs, jobs.c.id == job_id))
        .where(IS_OWED, *from_place, *conditions)
        .group_by(job_id)
        .order_by(job_id if upwards else job_id.desc())
    )


def _by_ids(connection: sa.Connection, ids: Sequence[int]) -> list[Job]:
    """In this order."""
    found: dict[int, Job] = {}
    for start in range(0, len(ids), MOST_IN_ONE_QUERY):
        some = ids[start : start + MOST_IN_ONE_QUERY]
        query = sa.select(*columns_of(Job, jobs)).where(jobs.c.id.in_(some))
        found |= {job.id: job for job in as_values(Job, connection.execute(query))}
    return [found[job_id] for job_id in ids]


def _owed(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    owed: dict[int, dict[str, int]] = {}
    for start in range(0, len(ids), MOST_IN_ONE_QUERY):
        some = ids[start : start + MOST_IN_ONE_QUERY]
        query = (
            sa.select(deliveries.c.job_id, deliveries.c.destination, sa.func.count())
            .where(deliveries.c.job_id.in_(some), IS_OWED)
            .group_by(deliveries.c.job_id, deliveries.c.destination)
            .order_by(deliveries.c.job_id, deliveries.c.destination)
        )
        for job_id, destination, count in connection.execute(query):
            owed.setdefault(job_id, {})[destination] = count
    return owed


def _ends(connection: sa.Connection, uids: set[str]) -> dict[str, str]:
    """The shortest end of each UID that no other series of the ledger has."""
    ends: dict[str, set[str]] = {}
    wanted = sorted({_end(uid) for uid in uids})
    for start in range(0, len(wanted), MOST_IN_ONE_QUERY):
        some = wanted[start : start + MOST_IN_ONE_QUERY]
        query = (
            sa.select(jobs.c.series_uid_end, jobs.c.series_instance_uid)
            .where(jobs.c.series_uid_end.in_(some))
            .limit(MOST_OF_ONE_END * len(some))
        )
        for end, uid in connection.execute(query.distinct()):
            ends.setdefault(end, set()).add(uid)
    return {uid: _unique_end(uid, ends.get(_end(uid), set()) - {uid}) for uid in uids}


def _end(uid: str) -> str:
    return uid[-END_CHARACTERS:].rjust(END_CHARACTERS, "0")


def _unique_end(uid: str, others: set[str]) -> str:
    for length in range(END_CHARACTERS, len(uid)):
        if not any(other.endswith(uid[-length:]) for other in others):
            return uid[-length:]
    return uid


def _newest_revisions(newest_first: Sequence[Job]) -> list[Job]:
    newest: dict[tuple[str, str], Job] = {}
    for job in newest_first:
        series = job.study_instance_uid, job.series_instance_uid
        if series not in newest or newest[series].revision < job.revision:
            newest[series] = job
    return list(newest.values())
