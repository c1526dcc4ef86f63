"""Times in the tables: UTC, as SQLite's ``CURRENT_TIMESTAMP`` writes them, or in ISO 8601 as JavaScript does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Text, TypeDecorator
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

__all__ = ["UtcTime", "moment", "parse_time", "stored_text", "time_like"]


def parse_time(text: object) -> datetime | None:
    """A time of either form in UTC, without a time zone; None if it is none. One without an offset is UTC."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return (found.astimezone(UTC) if found.tzinfo else found).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError):
        return None


def time_like(found: object, time: datetime) -> str:
    """``time`` in the form that a column already has: ``2027-01-31T03:00:00.000Z`` or ``2027-01-31 03:00:00``."""
    form = "%Y-%m-%d %H:%M:%S"
    if isinstance(found, str) and "T" in found:
        form = "%Y-%m-%dT%H:%M:%S" + (".000" if "." in found else "") + ("" if _is_naive(found) else "Z")
    return time.strftime(form)


def _is_naive(text: str) -> bool:
    """Whether a time names no offset."""
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is None
    except ValueError:
        return True


class _SqliteTime(sqlite.DATETIME):
    """Reads both forms; anything else is read as no time, for one row of another program must not hide the others."""

    def result_processor(self, _dialect: object, _coltype: object) -> Callable[[object], datetime | None]:
        return parse_time


class _PostgresTime(TypeDecorator[datetime]):
    """Whole seconds, as on SQLite: a time that is due is not rounded up."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(microsecond=0)


UtcTime: Final = (
    DateTime()
    .with_variant(_SqliteTime(truncate_microseconds=True), "sqlite")  # type: ignore[no-untyped-call]
    .with_variant(_PostgresTime(), "postgresql")
)


class moment(GenericFunction[Any]):  # noqa: N801 - used as a function
    """A column of times to compare with, in either form; NULL if it is no time."""

    type = UtcTime
    inherit_cache = True
    name = "moment"


@compiles(moment, "sqlite")
def _sqlite_moment(element: moment, compiler: Any, **options: Any) -> str:
    return f"datetime({compiler.process(element.clauses, **options)})"


@compiles(moment)
def _other_moment(element: moment, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TIMESTAMP)"


class stored_text(GenericFunction[Any]):  # noqa: N801 - used as a function
    """A column of times as the text that it holds; PostgreSQL holds no text, and has one form."""

    type = Text()
    inherit_cache = True
    name = "stored_text"


@compiles(stored_text, "sqlite")
def _sqlite_text(element: stored_text, compiler: Any, **options: Any) -> str:
    return str(compiler.process(next(iter(element.clauses)), **options))


@compiles(stored_text)
def _other_text(element: stored_text, compiler: Any, **options: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **options)}, 'YYYY-MM-DD HH24:MI:SS')"
