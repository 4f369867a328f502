"""The ledger: jobs, instances, results, deliveries, the journal and the activations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_jobs()
    _create_instances()
    _create_results()
    _create_deliveries()
    _create_job_events()
    _create_activations()


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[object], sa.PrimaryKeyConstraint]:
    return sa.Column("id", ID, nullable=False), sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _job_id(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=f"fk_{table}_job_id")
    return sa.Column("job_id", ID, nullable=False), key


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        *_id("jobs"),
        sa.Column("state", sa.String(16), nullable=False),
        _text("study_instance_uid"),
        _text("series_instance_uid"),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=True),
        _time("ready_at"),
        _time("ready_by"),
        _time("first_received_at"),
        _time("last_received_at"),
        _time("content_at", nullable=True),
        _text("lease_owner", nullable=True),
        _time("lease_until", nullable=True),
        _text("reason", nullable=True),
        _text("detail", nullable=True),
        sa.Column("positive", sa.Boolean(), nullable=True),
        sa.Column("series_probability", sa.Float(), nullable=True),
        _text("bundle_sha256", nullable=True),
        _text("source"),
        sa.UniqueConstraint(
            "series_instance_uid",
            "study_instance_uid",
            "revision",
            name="uq_jobs_series_instance_uid_study_instance_uid_revision",
        ),
    )
    op.create_index("ix_jobs_state_ready_at", "jobs", ["state", "ready_at"])
    reading = sa.text("state = 'READING'")
    op.create_index(
        "uq_jobs_reading",
        "jobs",
        ["series_instance_uid", "study_instance_uid"],
        unique=True,
        sqlite_where=reading,
        postgresql_where=reading,
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
        *_id("instances"),
        _text("sop_instance_uid"),
        _text("sop_class_uid"),
        _text("study_instance_uid"),
        _text("series_instance_uid"),
        _text("transfer_syntax_uid"),
        _text("sha256"),
        _text("path"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _text("source"),
        _time("received_at"),
        _text("orientation", nullable=True),
        sa.Column("position_mm", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.UniqueConstraint(
            "sop_instance_uid", "sha256", name="uq_instances_sop_instance_uid_sha256"
        ),
    )
    op.create_index(
        "ix_instances_series_instance_uid_study_instance_uid",
        "instances",
        ["series_instance_uid", "study_instance_uid"],
    )


def _create_results() -> None:
    op.create_table(
        "results",
        *_id("results"),
        *_job_id("results"),
        _text("sop_instance_uid"),
        _text("sop_class_uid"),
        _text("kind"),
        _text("path"),
        _text("sha256"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("sop_instance_uid", name="uq_results_sop_instance_uid"),
    )
    op.create_index("ix_results_job_id", "results", ["job_id"])


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        *_id("deliveries"),
        *_job_id("deliveries"),
        sa.Column("result_id", ID, nullable=False),
        _text("destination"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("next_at"),
        _time("first_at"),
        _time("sent_at", nullable=True),
        _text("detail", nullable=True),
        _text("lease_owner", nullable=True),
        _time("lease_until", nullable=True),
        sa.ForeignKeyConstraint(["result_id"], ["results.id"], name="fk_deliveries_result_id"),
        sa.UniqueConstraint("result_id", "destination", name="uq_deliveries_result_id_destination"),
    )
    op.create_index("ix_deliveries_job_id", "deliveries", ["job_id"])
    op.create_index("ix_deliveries_state_next_at", "deliveries", ["state", "next_at"])


def _create_job_events() -> None:
    op.create_table(
        "job_events",
        *_id("job_events"),
        *_job_id("job_events"),
        _time("at"),
        _text("event"),
        _text("detail"),
    )
    op.create_index("ix_job_events_job_id", "job_events", ["job_id"])


def _create_activations() -> None:
    op.create_table(
        "activations",
        *_id("activations"),
        _time("at"),
        _text("name"),
        _text("sha256"),
        _text("path"),
        _text("who"),
        _text("why"),
    )
