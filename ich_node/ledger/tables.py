"""The tables. A change here needs a migration in ich_node/ledger/migrations/versions; a test
compares the two.
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from typing_extensions import override

from ich_node.answer import Answer
from ich_node.ledger.states import SETTLED, DeliveryState, JobState, Lane, ReadingState

Value = TypeVar("Value")

# 3 million objects a day would use up 32 bits in two years. SQLite counts in 64 bits, but only
# columns of type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Takes aware datetimes, gives UTC. SQLite stores UTC as text without a zone, which sorts by
    time.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(
                f"{value.isoformat()} has no time zone; the ledger takes aware datetimes"
            )
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    @override
    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class LaneNumber(sa.types.TypeDecorator[Lane]):
    """A Lane as a number, because jobs are sorted by it."""

    impl = sa.SmallInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: Lane | None, _: sa.Dialect) -> int | None:
        return None if value is None else int(value)

    @override
    def process_result_value(self, value: int | None, _: sa.Dialect) -> Lane | None:
        return None if value is None else Lane(value)


def _state(kind: type[StrEnum]) -> sa.Enum:
    """As its value, which is one of a few words."""
    return sa.Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda words: [word.value for word in words],
    )


jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("state", _state(JobState), nullable=False),
    sa.Column("study_instance_uid", sa.Text, nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer),
    sa.Column("ready_at", UtcDateTime, nullable=False),
    sa.Column("ready_by", UtcDateTime, nullable=False),
    sa.Column("first_received_at", UtcDateTime, nullable=False),
    sa.Column("last_received_at", UtcDateTime, nullable=False),
    sa.Column("content_at", UtcDateTime),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("reason", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("answer", _state(Answer)),
    sa.Column("series_probability", sa.Float),
    sa.Column("bundle_sha256", sa.Text),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("swept_at", UtcDateTime),
    sa.Column("lane", LaneNumber, nullable=False),
    # objects: of all revisions up to this one; objects_looked_at: how many the last preview
    # covered; looked_at_until: when the claim of a running preview ends
    sa.Column("objects", sa.Integer, nullable=False),
    sa.Column("objects_looked_at", sa.Integer, nullable=False),
    sa.Column("looked_at_until", UtcDateTime),
    sa.Column("transfer_aborted", sa.Boolean, nullable=False),
    # the job that is read instead of this one, or whose answer was told instead
    sa.Column("in_favour_of", ID),
    # untold_since: since when the job has been without an answer of which nobody was told; told_at:
    # when that was told; overdue_told_at: when it was told that the answer is late
    sa.Column("untold_since", UtcDateTime),
    sa.Column("told_at", UtcDateTime),
    sa.Column("overdue_told_at", UtcDateTime),
    # To find a series: keyed hashes of the patient's identifiers, never the values (search_key.py)
    sa.Column("accession_hmac", sa.Text, index=True),
    sa.Column("patient_hmac", sa.Text, index=True),
    sa.Column("series_description", sa.Text),
    sa.Column("modality", sa.Text),
    # the last eight characters, by which people name a series
    sa.Column(
        "series_uid_end",
        sa.Text,
        sa.Computed("substr('00000000' || series_instance_uid, length(series_instance_uid) + 1)"),
        index=True,
    ),
    # rule: the one of [[rules]] that decided; held_until: when a HELD job ends without an answer;
    # released_at: when an operator took the hold back
    sa.Column("rule", sa.Text),
    sa.Column("held_until", UtcDateTime),
    sa.Column("released_at", UtcDateTime),
    # the path of the bundle that reads this revision instead of the active one
    sa.Column("read_with", sa.Text),
    sa.Column("withdrawn_at", UtcDateTime),
    sa.Column("withdrawn_code", sa.Text),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("withdrawn_by", sa.Text),
    # when it was noticed last that a process had ended or hung while it read this job
    sa.Column("reader_killed_at", UtcDateTime),
    sa.UniqueConstraint("series_instance_uid", "study_instance_uid", "revision"),
    # the queue: finds what has been ready for longest in a lane in one step, however long the table
    sa.Index("ix_jobs_state_lane_ready_at", "state", "lane", "ready_at"),
    sa.Index("ix_jobs_state_lease_until", "state", "lease_until"),
    sa.Index("ix_jobs_swept_at", "swept_at"),
    sa.Index("ix_jobs_study_instance_uid", "study_instance_uid"),
    # `jobs list`: the newest first, whatever the filter; first_received_at never changes
    sa.Index("ix_jobs_first_received_at", "first_received_at"),
    sa.Index("ix_jobs_source_first_received_at", "source", "first_received_at"),
    sa.Index("ix_jobs_state_first_received_at", "state", "first_received_at"),
    sa.Index("ix_jobs_answer_first_received_at", "answer", "first_received_at"),
)
# The database itself prevents two readings of one study at a time: they may be of one acquisition.
sa.Index(
    "uq_jobs_reading",
    jobs.c.study_instance_uid,
    unique=True,
    sqlite_where=jobs.c.state == JobState.READING,
    postgresql_where=jobs.c.state == JobState.READING,
)

# In a ledger of years only few jobs are not swept.
sa.Index(
    "ix_jobs_unswept",
    jobs.c.last_received_at,
    sqlite_where=jobs.c.swept_at.is_(None),
    postgresql_where=jobs.c.swept_at.is_(None),
)
sa.Index(
    "ix_jobs_untold",
    jobs.c.untold_since,
    sqlite_where=jobs.c.untold_since.is_not(None),
    postgresql_where=jobs.c.untold_since.is_not(None),
)
sa.Index(
    "ix_jobs_reader_killed_at",
    jobs.c.reader_killed_at,
    sqlite_where=jobs.c.reader_killed_at.is_not(None),
    postgresql_where=jobs.c.reader_killed_at.is_not(None),
)

instances = sa.Table(
    "instances",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("sop_instance_uid", sa.Text, nullable=False),
    sa.Column("sop_class_uid", sa.Text, nullable=False),
    sa.Column("study_instance_uid", sa.Text, nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("transfer_syntax_uid", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, index=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("orientation", sa.Text),
    sa.Column("position_mm", sa.Float),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.UniqueConstraint("sop_instance_uid", "sha256"),
    sa.Index(
        "ix_instances_series_instance_uid_study_instance_uid",
        "series_instance_uid",
        "study_instance_uid",
    ),
)

results = sa.Table(
    "results",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    # One UID, one object: other bytes under a UID that was used before are a bug that must not
    # reach a PACS.
    sa.Column("sop_instance_uid", sa.Text, nullable=False, unique=True),
    sa.Column("sop_class_uid", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, index=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("result_id", sa.ForeignKey("results.id"), nullable=False),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("state", _state(DeliveryState), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("detail", sa.Text),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("transaction_uid", sa.Text, index=True),
    sa.UniqueConstraint("result_id", "destination"),
    sa.Index("ix_deliveries_state_next_at", "state", "next_at"),
    sa.Index("ix_deliveries_state_lease_until", "state", "lease_until"),
)
# In a ledger of years only few deliveries are still owed.
sa.Index(
    "ix_deliveries_owed",
    deliveries.c.job_id,
    sqlite_where=deliveries.c.state.not_in(SETTLED),
    postgresql_where=deliveries.c.state.not_in(SETTLED),
)
# How much each destination is owed, and since when, is asked every few seconds; of which jobs, by
# the page that lists what is owed.
sa.Index(
    "ix_deliveries_owed_to",
    deliveries.c.destination,
    deliveries.c.state,
    deliveries.c.job_id,
    deliveries.c.first_at,
    sqlite_where=deliveries.c.state.not_in(SETTLED),
    postgresql_where=deliveries.c.state.not_in(SETTLED),
)
# As words in the statement: SQLite takes a partial index only if it sees that its condition holds.
IS_OWED = deliveries.c.state.not_in(
    sa.bindparam("settled", list(SETTLED), expanding=True, literal_execute=True)
)

# Answers of the network about slabs: intermediate results, kept for as long as a reading of the
# series may need them again.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("study_instance_uid", sa.Text, nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("slab_sha256", sa.Text, nullable=False),
    sa.Column("bundle_sha256", sa.Text, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("shift_hu", sa.Float, nullable=False),
    sa.Column("logit", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("likelihood", sa.LargeBinary, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False, index=True),
    sa.UniqueConstraint("slab_sha256", "bundle_sha256", "engine"),
    sa.Index(
        "ix_answers_series_instance_uid_study_instance_uid",
        "series_instance_uid",
        "study_instance_uid",
    ),
)

job_events = sa.Table(
    "job_events",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

activations = sa.Table(
    "activations",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

# The key of the hashes in jobs: only its fingerprint.
search_keys = sa.Table(
    "search_keys",
    metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("made_at", UtcDateTime, nullable=False),
)

# What an operator has stopped. target: "receiving", "reading", or "to NAME" of a destination;
# until: None until it is resumed; who, why: of the last change. busy_until: of "receiving", what a
# listener writes again and again while associations are open.
pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("busy_until", UtcDateTime),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

# Bundles that read every series behind the active one, and deliver nothing.
shadows = sa.Table(
    "shadows",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("bundle_sha256", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

# What another bundle says about a job, beside the answer that was told. purpose: "reread",
# "shadow"; lease_until: of a reading that waits: when it is tried again
readings = sa.Table(
    "readings",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("bundle_sha256", sa.Text, nullable=False),
    sa.Column("bundle_name", sa.Text, nullable=False),
    sa.Column("bundle_path", sa.Text, nullable=False),
    sa.Column("state", _state(ReadingState), nullable=False, index=True),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("read_at", UtcDateTime),
    sa.Column("answer", _state(Answer)),
    sa.Column("series_probability", sa.Float),
    sa.Column("detail", sa.Text),
    sa.UniqueConstraint("job_id", "bundle_sha256"),
    sa.Index("ix_readings_bundle_sha256_job_id", "bundle_sha256", "job_id"),
)

# What a radiologist says about a series. bleeding: None = unknown, e.g. of bad quality; slices:
# SOP Instance UIDs, one a line; origin_uid: of the Key Object Selection that brought it.
verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("bleeding", sa.Boolean),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("origin_uid", sa.Text, index=True),
    sa.Column("slices", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
)

# What statistics need of a series, long after its objects were removed.
scans = sa.Table(
    "scans",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    sa.Column("manufacturer", sa.Text, nullable=False),
    sa.Column("scanner", sa.Text, nullable=False),
    sa.Column("body_part", sa.Text, nullable=False),
    sa.Column("kernel", sa.Text, nullable=False),
    sa.Column("slice_thickness_mm", sa.Float),
    sa.Column("kvp", sa.Float),
    sa.Column("slices", sa.Integer, nullable=False),
    sa.Column("age_years", sa.Integer),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("answered_at", UtcDateTime),
)

# One row for each process of the services. beat_at: when its loops last turned; facts: what else it
# says about itself, e.g. its bundle and engine.
heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("pid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("beat_at", UtcDateTime, nullable=False),
    sa.Column("is_ready", sa.Boolean, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)

# What the processes have counted since the ledger was made; never less. labels: JSON, sorted by
# key.
counts = sa.Table(
    "counts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("labels", sa.Text, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)

# What each destination last said when it was asked whether it is there. since: of is_up.
destination_states = sa.Table(
    "destination_states",
    metadata,
    sa.Column("destination", sa.Text, primary_key=True),
    sa.Column("is_up", sa.Boolean, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

# The last result of a task that looks at much, e.g. whether the scores drift.
measurements = sa.Table(
    "measurements",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)

# Troubles of which somebody is told, from their beginning to their end. seen_at: when the trouble
# was last there.
incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("began_at", UtcDateTime, nullable=False, index=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, index=True),
)
sa.Index(
    "uq_incidents_running",
    incidents.c.kind,
    incidents.c.subject,
    unique=True,
    sqlite_where=incidents.c.ended_at.is_(None),
    postgresql_where=incidents.c.ended_at.is_(None),
)

# alert: the name of the [[alerts]] entry that was told of it.
incident_notices = sa.Table(
    "incident_notices",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("told_at", UtcDateTime),
    sa.Column("end_told_at", UtcDateTime),
)
sa.Index(
    "ix_incident_notices_open",
    incident_notices.c.alert,
    sqlite_where=incident_notices.c.end_told_at.is_(None),
    postgresql_where=incident_notices.c.end_told_at.is_(None),
)

# One row for each [[alerts]] entry. lease: of the process that tells it something now. told_at:
# when it was last told; attempts, retry_at, failing_since, detail: since then telling has failed.
alert_channels = sa.Table(
    "alert_channels",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("known_since", UtcDateTime, nullable=False),
    sa.Column("told_at", UtcDateTime),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", UtcDateTime),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("detail", sa.Text, nullable=False),
)

# Who did what on the site, and who looked at whose series. claimed_until: how long a process may
# take to report it; reported_at: when the audit repository had it, also set where there is none.
audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("study_instance_uid", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("reported_at", UtcDateTime),
    # the journal: the newest first, whatever the filter
    sa.Index("ix_audit_events_who_id", "who", "id"),
    sa.Index("ix_audit_events_action_id", "action", "id"),
    sa.Index("ix_audit_events_target_id", "target", "id"),
    sa.Index("ix_audit_events_study_instance_uid_id", "study_instance_uid", "id"),
)
sa.Index(
    "ix_audit_events_unreported",
    audit_events.c.id,
    sqlite_where=audit_events.c.reported_at.is_(None),
    postgresql_where=audit_events.c.reported_at.is_(None),
)

# A job's probabilities, likelihood maps and marks, as a file of the spool, for people who look.
map_files = sa.Table(
    "map_files",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    sa.Column("bundle_sha256", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, index=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)


def columns_of(value: type[Any], *tables: sa.Table) -> list[sa.Column[Any]]:
    """For each field of the dataclass the column of that name, from the first table that has
    one.
    """
    return [
        next(table.c[field.name] for table in tables if field.name in table.c)
        for field in fields(value)
    ]


def as_values(kind: type[Value], rows: Iterable[sa.Row[Any]]) -> list[Value]:
    """Rows that were selected by `columns_of(kind, ...)` as dataclasses."""
    found = rows.all() if isinstance(rows, sa.Result) else list(rows)
    # the names once: `row._mapping` of each takes half of the time of thousands of rows
    names = found[0]._fields if found else ()
    return [kind(**dict(zip(names, row, strict=True))) for row in found]
