"""Runs the migrations on the connection, and inside the transaction, that ich_node.ledger.database
opened for them.
"""

from alembic import context

from ich_node.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
