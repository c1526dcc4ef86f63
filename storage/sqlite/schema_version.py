"""Where a database says which migrations it has, and what the newest of them is."""

from typing import Final

__all__ = ["SCHEMA_VERSION", "VERSION_TABLE"]

SCHEMA_VERSION: Final = "0012"
"""The newest of ``storage/migrations``: a database that has it needs no Alembic."""

VERSION_TABLE: Final = "otto_schema_version"
"""Alembic's table; named after us, since the database may belong to another program that uses Alembic too."""
