"""Times in the tables: UTC, as SQLite's ``CURRENT_TIMESTAMP`` writes them, or in ISO 8601 as JavaScript does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

__all__ = ["UtcTime", "moment", "parse_time", "time_like"]


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


UtcTime: Final = DateTime().with_variant(_SqliteTime(truncate_microseconds=True), "sqlite")  # type: ignore[no-untyped-call]


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
    return str(compiler.process(element.clauses, **options))
