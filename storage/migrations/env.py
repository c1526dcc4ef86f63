"""Alembic's entry point; ``storage.database.migrate`` hands in the connection."""

from alembic import context

from storage.batch_jobs.schema import metadata as batch_jobs
from storage.executions.schema import metadata as executions
from storage.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, executions, batch_jobs],
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
