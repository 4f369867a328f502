"""One answer a study: the answer of a job in a word, jobs that are set aside for another, and of
which jobs nobody has been told yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
READING = sa.text("state = 'READING'")
UNTOLD = sa.text("untold_since IS NOT NULL")
ANSWERS = """
UPDATE jobs SET answer = CASE
    WHEN state = 'DONE' AND positive THEN 'present'
    WHEN state = 'DONE' THEN 'absent'
    WHEN state IN ('REFUSED', 'FAILED') THEN 'not_analysed'
END
"""
# Two readings of one study may have been under way, which the new index does not allow. Whoever
# still reads loses the lease.
GIVE_BACK = """
UPDATE jobs SET state = 'WAITING', lease_owner = NULL, lease_until = NULL WHERE state = 'READING'
"""


def upgrade() -> None:
    op.add_column("jobs", sa.Column("answer", sa.String(16), nullable=True))
    op.execute(ANSWERS)
    op.drop_column("jobs", "positive")
    op.add_column(
        "jobs",
        sa.Column("transfer_aborted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("untold_since", "told_at", "overdue_told_at"):
        op.add_column("jobs", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("in_favour_of", ID, nullable=True))
    op.execute(GIVE_BACK)
    op.drop_index("uq_jobs_reading", "jobs")
    op.create_index(
        "uq_jobs_reading",
        "jobs",
        ["study_instance_uid"],
        unique=True,
        sqlite_where=READING,
        postgresql_where=READING,
    )
    op.create_index("ix_jobs_study_instance_uid", "jobs", ["study_instance_uid"])
    op.create_index(
        "ix_jobs_untold",
        "jobs",
        ["untold_since"],
        sqlite_where=UNTOLD,
        postgresql_where=UNTOLD,
    )
