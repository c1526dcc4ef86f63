"""Alembic's entry point; ``storage.sqlite.files.migrate`` hands in the connection."""

from alembic import context

from components.batch_jobs.tables.schema import metadata as batch_jobs
from components.executions.tables.schema import metadata as executions
from storage.journal.sqlite.schema import metadata
from storage.sqlite.schema_version import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, executions, batch_jobs],
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
