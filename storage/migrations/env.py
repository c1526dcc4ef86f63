"""Alembic's entry point; ``storage.database.migrate`` hands in the connection."""

from alembic import context

from storage.automation.schema import metadata as automation
from storage.executions.schema import metadata as executions
from storage.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, executions, automation],
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
