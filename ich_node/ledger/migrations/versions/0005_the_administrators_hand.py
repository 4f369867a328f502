"""Search terms of a series, holds, withdrawals, readings by other bundles, verdicts, pauses, and
what statistics need of a scan.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)
TEXTS_OF_JOBS = (
    "accession_hmac",
    "patient_hmac",
    "series_description",
    "modality",
    "rule",
    "read_with",
    "withdrawn_code",
    "withdrawn_reason",
    "withdrawn_by",
)
END_OF_UID = "substr('00000000' || series_instance_uid, length(series_instance_uid) + 1)"
INDEXES_OF_JOBS = (
    ("accession_hmac",),
    ("patient_hmac",),
    ("series_uid_end",),
    ("first_received_at",),
    ("source", "first_received_at"),
    ("state", "first_received_at"),
    ("answer", "first_received_at"),
)


def upgrade() -> None:
    for name in TEXTS_OF_JOBS:
        op.add_column("jobs", sa.Column(name, sa.Text(), nullable=True))
    for name in ("held_until", "released_at", "withdrawn_at"):
        op.add_column("jobs", sa.Column(name, TIME, nullable=True))
    # SQLite cannot add a stored column, PostgreSQL before 18 has no others
    stored = op.get_bind().dialect.name == "postgresql"
    op.add_column(
        "jobs", sa.Column("series_uid_end", sa.Text(), sa.Computed(END_OF_UID, persisted=stored))
    )
    for columns in INDEXES_OF_JOBS:
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", list(columns))
    owed = sa.text("state NOT IN ('SENT', 'SUPERSEDED', 'CANCELLED')")
    op.create_index(
        "ix_deliveries_owed", "deliveries", ["job_id"], sqlite_where=owed, postgresql_where=owed
    )
    op.create_table(
        "search_keys",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_search_keys"),
    )
    op.create_table(
        "pauses",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.Column("busy_until", TIME, nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_pauses"),
    )
    op.create_table(
        "shadows",
        sa.Column("id", ID, nullable=False),
        sa.Column("bundle_sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME, nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shadows"),
    )
    op.create_table(
        "readings",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("bundle_sha256", sa.Text(), nullable=False),
        sa.Column("bundle_name", sa.Text(), nullable=False),
        sa.Column("bundle_path", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("read_at", TIME, nullable=True),
        sa.Column("answer", sa.String(16), nullable=True),
        sa.Column("series_probability", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_readings"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_readings_job_id_jobs"),
        sa.UniqueConstraint("job_id", "bundle_sha256", name="uq_readings_job_id_bundle_sha256"),
    )
    op.create_index("ix_readings_state", "readings", ["state"])
    op.create_table(
        "verdicts",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("bleeding", sa.Boolean(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("origin_uid", sa.Text(), nullable=True),
        sa.Column("slices", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_verdicts_job_id_jobs"),
    )
    op.create_index("ix_verdicts_job_id", "verdicts", ["job_id"])
    op.create_index("ix_verdicts_origin_uid", "verdicts", ["origin_uid"])
    op.create_table(
        "scans",
        sa.Column("job_id", ID, nullable=False, autoincrement=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("scanner", sa.Text(), nullable=False),
        sa.Column("body_part", sa.Text(), nullable=False),
        sa.Column("kernel", sa.Text(), nullable=False),
        sa.Column("slice_thickness_mm", sa.Float(), nullable=True),
        sa.Column("kvp", sa.Float(), nullable=True),
        sa.Column("slices", sa.Integer(), nullable=False),
        sa.Column("age_years", sa.Integer(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("job_id", name="pk_scans"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_scans_job_id_jobs"),
    )
