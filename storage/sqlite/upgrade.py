"""Bringing a database to the present schema, with Alembic."""

from pathlib import Path
from typing import Final

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.sqlite.schema_version import VERSION_TABLE

__all__ = ["upgrade"]

_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


def upgrade(path: Path, busy_seconds: float) -> str:
    """Run the migrations that the file lacks, all in one transaction.

    Args:
        path: the file.
        busy_seconds: how long another program may lock it, at most, before the attempt fails.

    Returns:
        the version of its schema; one that no migration here makes is left as it is.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = str(scripts.get_current_head())
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(path)),
        poolclass=sqlalchemy.NullPool,
        connect_args={"timeout": busy_seconds, "isolation_level": None},
    )
    # Python's SQLite module begins no transaction for CREATE TABLE: a process that is killed between two of them
    # would leave a database that cannot be migrated any more.
    sqlalchemy.event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as bound:
        options = {"version_table": VERSION_TABLE}
        current = MigrationContext.configure(bound, opts=options).get_current_revision()
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            return current
        if current != head:
            config.attributes["connection"] = bound
            command.upgrade(config, "head")
            bound.commit()
    engine.dispose()
    return head
