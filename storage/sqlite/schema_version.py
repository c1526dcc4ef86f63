"""Where a database says which migrations it has, and what the newest of them is."""

from pathlib import Path
from typing import Final

__all__ = ["SCHEMA_VERSION", "VERSION_TABLE", "is_newer"]

SCHEMA_VERSION: Final = "0012"
"""The newest of ``storage/migrations``: a database that has it needs no Alembic."""

VERSION_TABLE: Final = "otto_schema_version"
"""Alembic's table; named after us, since the database may belong to another program that uses Alembic too."""

_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations" / "versions"


def is_newer(version: str | None) -> bool:
    """Whether a version is one that no migration here makes. Versions are names; their order is that of the chain."""
    return version is not None and version not in {file.stem[1:5] for file in _MIGRATIONS.glob("v*_*.py")}
