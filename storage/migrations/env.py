"""Alembic's entry point; ``storage.sqlite.files.migrate`` hands in the connection."""

from alembic import context

from storage.journal.sqlite.schema import metadata
from storage.sqlite.schema_version import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
