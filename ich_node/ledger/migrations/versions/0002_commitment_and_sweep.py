"""Storage commitment: which transaction asks for a delivery's object. Retention: which jobs' files
are gone, whose a file is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("transaction_uid", sa.Text(), nullable=True))
    op.create_index("ix_deliveries_transaction_uid", "deliveries", ["transaction_uid"])
    op.add_column("jobs", sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_instances_path", "instances", ["path"])
    op.create_index("ix_results_path", "results", ["path"])
