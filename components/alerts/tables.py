"""The tables of alerts, in the journal's database."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    inspect,
    text,
)

__all__ = [
    "create_tables",
    "delivered",
    "digested",
    "digests",
    "incidents",
    "marks",
    "outbox",
    "state",
    "stored_rules",
    "stored_windows",
]

_Id: Final = Integer().with_variant(BigInteger(), "postgresql")

metadata = MetaData()

state = Table(
    "otto_alert_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

incidents = Table(
    "otto_alert_incidents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("rule", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("count", _Id, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("samples", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("told", _Id, nullable=False),
    Column("notified_at", Float),
    Column("notices", Integer, nullable=False),
    Column("muted_until", Float),
    Column("resolved_at", Float),
    Column("resolution", Text),
    Column("resolved_by", Text, nullable=False),
    Column("muted_by", Text, nullable=False, server_default=""),
    Index("otto_alert_incidents_open", "resolved_at", "rule"),
)

outbox = Table(
    "otto_alert_outbox",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("is_dead", Integer, nullable=False, server_default="0"),
    Index("otto_alert_outbox_due", "is_dead", "next_at"),
)

marks = Table(
    "otto_alert_marks",
    metadata,
    Column("incident_id", _Id, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("count", _Id, nullable=False),
    Column("positions", Text, nullable=False),  # JSON: sequence and Unix seconds of each
    PrimaryKeyConstraint("incident_id", "task_id"),
    Index("otto_alert_marks_task", "task_id", "incident_id"),
)

digests = Table(
    "otto_alert_digests",
    metadata,
    Column("target", Text, nullable=False),
    Column("rule", Text, nullable=False),  # empty: all rules of the target
    Column("incident_id", _Id, nullable=False),
    Column("event", Text, nullable=False),
    Column("due_at", Float, nullable=False),
    PrimaryKeyConstraint("target", "rule", "incident_id"),
)

digested = Table(
    "otto_alert_digested",  # what a digest in the outbox is about
    metadata,
    Column("delivery_id", _Id, nullable=False),
    Column("incident_id", _Id, nullable=False),
    PrimaryKeyConstraint("delivery_id", "incident_id"),
    Index("otto_alert_digested_incident", "incident_id"),
)

delivered = Table(
    "otto_alert_delivered",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("incident_id", _Id, nullable=False),
    Column("at", Float, nullable=False),
    Column("target", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Index("otto_alert_delivered_incident", "incident_id"),
)

stored_windows = Table(
    "otto_alert_maintenance",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("author", Text, nullable=False),
)

stored_rules = Table(
    "otto_alert_rules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("author", Text, nullable=False),
)


def create_tables(connection: Connection) -> None:
    """Create what is missing."""
    metadata.create_all(connection)
    if "muted_by" not in {each["name"] for each in inspect(connection).get_columns(incidents.name)}:
        connection.execute(text(f"ALTER TABLE {incidents.name} ADD COLUMN muted_by TEXT NOT NULL DEFAULT ''"))
