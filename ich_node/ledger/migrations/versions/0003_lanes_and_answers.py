"""Lanes: which ready series is read first. Answers: what was read of a series while it arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ORDINARY = "2"
COUNT_OBJECTS = """
UPDATE jobs SET objects = (
    SELECT count(*) FROM instances
    WHERE instances.series_instance_uid = jobs.series_instance_uid
    AND instances.study_instance_uid = jobs.study_instance_uid
    AND instances.revision <= jobs.revision
) WHERE state = 'WAITING'
"""


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("lane", sa.SmallInteger(), nullable=False, server_default=ORDINARY)
    )
    for name in ("objects", "objects_looked_at"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("looked_at_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(COUNT_OBJECTS)
    op.drop_index("ix_jobs_state_ready_at", "jobs")
    op.create_index("ix_jobs_state_lane_ready_at", "jobs", ["state", "lane", "ready_at"])
    op.create_index("ix_jobs_state_lease_until", "jobs", ["state", "lease_until"])
    op.create_index("ix_jobs_swept_at", "jobs", ["swept_at"])
    unswept = sa.text("swept_at IS NULL")
    op.create_index(
        "ix_jobs_unswept",
        "jobs",
        ["last_received_at"],
        sqlite_where=unswept,
        postgresql_where=unswept,
    )
    op.create_index("ix_deliveries_state_lease_until", "deliveries", ["state", "lease_until"])
    op.create_table(
        "answers",
        sa.Column("id", ID, nullable=False),
        sa.Column("study_instance_uid", sa.Text(), nullable=False),
        sa.Column("series_instance_uid", sa.Text(), nullable=False),
        sa.Column("slab_sha256", sa.Text(), nullable=False),
        sa.Column("bundle_sha256", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("shift_hu", sa.Float(), nullable=False),
        sa.Column("logit", sa.Float(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("likelihood", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint(
            "slab_sha256",
            "bundle_sha256",
            "engine",
            name="uq_answers_slab_sha256_bundle_sha256_engine",
        ),
    )
    op.create_index("ix_answers_made_at", "answers", ["made_at"])
    op.create_index(
        "ix_answers_series_instance_uid_study_instance_uid",
        "answers",
        ["series_instance_uid", "study_instance_uid"],
    )
