"""Heartbeats, counts, what destinations answer, incidents, who did what on the site, and the maps
of the readings.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("beat_at", TIME, nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("host", "service", "pid", name="pk_heartbeats"),
    )
    op.create_table(
        "counts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", name="pk_counts"),
    )
    op.create_table(
        "destination_states",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name="pk_destination_states"),
    )
    op.create_table(
        "measurements",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_measurements"),
    )
    op.add_column("jobs", sa.Column("reader_killed_at", TIME, nullable=True))
    was_killed = sa.text("reader_killed_at IS NOT NULL")
    op.create_index(
        "ix_jobs_reader_killed_at",
        "jobs",
        ["reader_killed_at"],
        sqlite_where=was_killed,
        postgresql_where=was_killed,
    )
    owed = sa.text("state NOT IN ('SENT', 'SUPERSEDED', 'CANCELLED')")
    op.create_index(
        "ix_deliveries_owed_to",
        "deliveries",
        ["destination", "state", "job_id", "first_at"],
        sqlite_where=owed,
        postgresql_where=owed,
    )
    op.create_table(
        "incidents",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    running = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_incidents_running",
        "incidents",
        ["kind", "subject"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_index("ix_incidents_began_at", "incidents", ["began_at"])
    op.create_index("ix_incidents_ended_at", "incidents", ["ended_at"])
    op.create_table(
        "incident_notices",
        sa.Column("incident_id", ID, nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("end_told_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("incident_id", "alert", name="pk_incident_notices"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_incident_notices_incident_id_incidents"
        ),
    )
    untold = sa.text("end_told_at IS NULL")
    op.create_index(
        "ix_incident_notices_open",
        "incident_notices",
        ["alert"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
    op.create_table(
        "alert_channels",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("known_since", TIME, nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", TIME, nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert", name="pk_alert_channels"),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("study_instance_uid", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("reported_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    for column in ("who", "action", "target", "study_instance_uid"):
        op.create_index(f"ix_audit_events_{column}_id", "audit_events", [column, "id"])
    unreported = sa.text("reported_at IS NULL")
    op.create_index(
        "ix_audit_events_unreported",
        "audit_events",
        ["id"],
        sqlite_where=unreported,
        postgresql_where=unreported,
    )
    op.create_table(
        "map_files",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("bundle_sha256", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_map_files"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_map_files_job_id_jobs"),
    )
    op.create_index("ix_map_files_path", "map_files", ["path"])
    op.create_index("ix_readings_bundle_sha256_job_id", "readings", ["bundle_sha256", "job_id"])
