"""Alembic's entry point; ``storage.database.migrate`` hands in the connection."""

from alembic import context

from storage.executions.schema import metadata as executions
from storage.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, executions],
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
