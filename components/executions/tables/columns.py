"""What the columns of ``node_execution_logs`` take: an existing table may have them in another form than ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from sqlalchemy import Connection, inspect, select

from components.executions.tables.schema import node_logs

__all__ = ["NodeColumns", "milliseconds"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS: Final = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC")
_LIKE_JAVASCRIPT: Final = "1970-01-01T00:00:00.000Z"

_Stored = int | float | str | None


def milliseconds(value: object) -> float | None:
    """A time as a table or a report has it, in milliseconds since 1970; None if it is none.

    A text is ISO 8601, also with a space for the ``T``; one without an offset is UTC.
    """
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    whole, rest = divmod(since, timedelta(milliseconds=1))
    return whole + rest.microseconds / 1000 if rest else whole


@dataclass(frozen=True, slots=True)
class NodeColumns:
    """The form of an existing table.

    Attributes:
        required: those of ``execution_id`` and ``node_id`` that are NOT NULL; an empty text replaces NULL in them.
        started_at, finished_at: a text whose form times have; None where they are numbers.
    """

    required: frozenset[str] = frozenset()
    started_at: str | None = None
    finished_at: str | None = None

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Read them from the table that is there."""
        columns = {column["name"].lower(): column for column in inspect(connection).get_columns(node_logs.name)}
        required = frozenset(name for name in ("execution_id", "node_id") if not columns[name]["nullable"])
        samples = (_sample(connection, name, str(columns[name]["type"])) for name in ("started_at", "finished_at"))
        return cls(required, *samples)

    def identifier(self, name: str, value: str | None) -> str | None:
        """An id as its column takes it."""
        return "" if value is None and name in self.required else value

    def time(self, name: str, value: float | None) -> _Stored:
        """Milliseconds as the column ``name`` has times."""
        sample = self.started_at if name == "started_at" else self.finished_at
        return value if value is None or sample is None else _text_like(sample, value)


def _sample(connection: Connection, name: str, declared: str) -> str | None:
    if any(part in declared.upper() for part in _NUMBERS):
        return None
    newest = select(node_logs.c[name]).where(node_logs.c[name].is_not(None)).order_by(node_logs.c.id.desc()).limit(1)
    value = connection.execute(newest).scalar_one_or_none()
    if isinstance(value, int | float):
        return None
    return value if isinstance(value, str) and milliseconds(value) is not None else _LIKE_JAVASCRIPT


def _text_like(sample: str, value: float) -> str:
    moment = _EPOCH + timedelta(milliseconds=value)
    microseconds = "." in sample and len(sample.split(".")[1].rstrip("Z").split("+")[0]) > 3
    precision = "microseconds" if microseconds or moment.microsecond % 1000 else "milliseconds"
    written = moment.replace(tzinfo=None).isoformat(sep="T" if "T" in sample else " ", timespec=precision)
    is_naive = datetime.fromisoformat(sample.strip()).tzinfo is None
    return written if is_naive else written + ("Z" if sample.rstrip().endswith("Z") else "+00:00")
