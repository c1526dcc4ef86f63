"""The tables of alerts, in the journal's database, and what is read and written there.

What a run of records has changed is written in one transaction with the position up to which records were evaluated: a
gateway that is killed evaluates none twice and leaves none out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from components.alerts.incidents import Incident, Resolution, Sample

__all__ = ["Act", "Delivery", "Repository", "metadata"]

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

stored_rules = Table(
    "otto_alert_rules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("author", Text, nullable=False),
)

history = Table(
    "otto_alert_history",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("incident", _Id, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("otto_alert_history_incident", "incident"),
)

_samples: Final = msgspec.json.Decoder(tuple[Sample, ...])
_last: Final = msgspec.json.Decoder(Sample | None)
_dict: Final = msgspec.json.Decoder(dict[str, Any])
_FOREVER: Final = float("-inf")


class Delivery(msgspec.Struct, frozen=True):
    """A notification that waits to be sent, or that could not be."""

    id: int
    key: str
    target: str
    event: dict[str, Any]
    created_at: float
    attempts: int
    error: str
    is_dead: bool = False


class Act(msgspec.Struct, frozen=True):
    """What was done about an incident.

    Attributes:
        at: Unix seconds.
        kind: ``delivered`` or ``muted``.
        who: the target, or who has muted it.
        detail: which notification, or for how many minutes.
    """

    at: float
    kind: str
    who: str
    detail: str


class Repository:
    """Reads and writes on one connection, within its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def value(self, name: str) -> dict[str, Any] | None:
        """A document of the engine's own."""
        found = self._db.execute(select(state.c.value).where(state.c.name == name)).scalar()
        return None if found is None else _dict.decode(found)

    def set_value(self, name: str, value: Mapping[str, Any]) -> None:
        """Store one."""
        text = msgspec.json.encode(value).decode()
        if self._db.execute(update(state).where(state.c.name == name).values(value=text)).rowcount == 0:
            self._db.execute(insert(state).values(name=name, value=text))

    def open_incidents(self) -> list[Incident]:
        """All that are not resolved."""
        query = select(incidents).where(incidents.c.resolved_at.is_(None)).order_by(incidents.c.id)
        return [_incident(row) for row in self._db.execute(query)]

    def page(
        self, *, is_open: bool | None = None, rule: str = "", below: int | None = None, limit: int
    ) -> list[Incident]:
        """Incidents, the newest first."""
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        if is_open is not None:
            query = query.where(incidents.c.resolved_at.is_(None) if is_open else incidents.c.resolved_at.is_not(None))
        if rule:
            query = query.where(incidents.c.rule == rule)
        if below is not None:
            query = query.where(incidents.c.id < below)
        return [_incident(row) for row in self._db.execute(query)]

    def find(self, number: int) -> Incident | None:
        """One of them."""
        row = self._db.execute(select(incidents).where(incidents.c.id == number)).first()
        return None if row is None else _incident(row)

    def store(self, incident: Incident) -> Incident:
        """Store an incident; a new one gets its id."""
        values = _values(incident)
        if incident.id:
            self._db.execute(update(incidents).where(incidents.c.id == incident.id).values(values))
            return incident
        key = self._db.execute(insert(incidents).values(values)).inserted_primary_key
        assert key is not None  # noqa: S101 - an insert has one
        return replace(incident, id=int(key[0]))

    def remove_resolved(self, before: float) -> int:
        """Remove incidents that were resolved before that, and what was done until then."""
        self._db.execute(delete(history).where(history.c.at < before))
        return self._db.execute(delete(incidents).where(incidents.c.resolved_at < before)).rowcount

    def add_delivery(self, key: str, target: str, event: Mapping[str, Any], now: float) -> None:
        """Something to be sent."""
        text = msgspec.json.encode(event).decode()
        self._db.execute(insert(outbox).values(key=key, target=target, event=text, created_at=now, next_at=now))

    def due(self, now: float, limit: int) -> tuple[list[Delivery], float | None]:
        """What is to be sent now; and when the next one is."""
        query = select(outbox).where(outbox.c.is_dead == 0)
        rows = self._db.execute(query.where(outbox.c.next_at <= now).order_by(outbox.c.id).limit(limit)).all()
        following = self._db.execute(
            select(func.min(outbox.c.next_at)).where(outbox.c.is_dead == 0, outbox.c.next_at > now)
        ).scalar()
        return [_delivery(row) for row in rows], following

    def sent(self, delivery: Delivery, now: float) -> None:
        """It was taken."""
        self._db.execute(delete(outbox).where(outbox.c.id == delivery.id))
        incident = delivery.event.get("incident", {}).get("id")
        if incident:
            self.note(incident, Act(now, "delivered", delivery.target, delivery.event["kind"]))

    def note(self, incident: int, act: Act) -> None:
        """Something was done about an incident."""
        self._db.execute(insert(history).values(incident=incident, **msgspec.structs.asdict(act)))

    def acts(self, incident: int, limit: int) -> list[Act]:
        """What was done about an incident, the newest first."""
        query = select(history).where(history.c.incident == incident).order_by(history.c.id.desc()).limit(limit)
        return [Act(row.at, row.kind, row.who, row.detail) for row in self._db.execute(query)]

    def deliveries(self, incident: int, limit: int) -> list[Delivery]:
        """What is to be sent about an incident, or was given up, the newest first."""
        query = select(outbox).where(outbox.c.key.like(f"{incident}-%")).order_by(outbox.c.id.desc()).limit(limit)
        return [_delivery(row) for row in self._db.execute(query)]

    def notified_at(self) -> dict[str, float]:
        """When somebody was last notified, by rule."""
        last = func.max(incidents.c.notified_at)
        rows = self._db.execute(select(incidents.c.rule, last).group_by(incidents.c.rule).having(last.is_not(None)))
        return {rule: float(at) for rule, at in rows}

    def failed(self, number: int, error: str, next_at: float | None) -> None:
        """It could not be sent; it is tried again at ``next_at``, or not at all."""
        changes = {"attempts": outbox.c.attempts + 1, "error": error[:1000], "is_dead": int(next_at is None)}
        if next_at is not None:
            changes["next_at"] = next_at
        self._db.execute(update(outbox).where(outbox.c.id == number).values(changes))

    def undelivered(self, limit: int) -> list[Delivery]:
        """What was given up, the newest first."""
        query = select(outbox).where(outbox.c.is_dead == 1).order_by(outbox.c.id.desc()).limit(limit)
        return [_delivery(row) for row in self._db.execute(query)]

    def waiting(self) -> tuple[int, int]:
        """How many wait to be sent, and how many were given up."""
        rows = self._db.execute(select(outbox.c.is_dead, func.count()).group_by(outbox.c.is_dead)).all()
        counts = {int(dead): int(count) for dead, count in rows}
        return counts.get(0, 0), counts.get(1, 0)

    def rules(self) -> list[tuple[dict[str, Any], str]]:
        """Documents of stored rules, with their authors."""
        rows = self._db.execute(select(stored_rules).order_by(stored_rules.c.name))
        return [(_dict.decode(row.document), row.author) for row in rows]

    def store_rule(self, name: str, document: Mapping[str, Any], author: str) -> None:
        """Store a rule, in the place of one of the same name."""
        self.remove_rule(name)
        text = msgspec.json.encode(document).decode()
        self._db.execute(insert(stored_rules).values(name=name, document=text, author=author))

    def remove_rule(self, name: str) -> bool:
        """Whether there was one."""
        return self._db.execute(delete(stored_rules).where(stored_rules.c.name == name)).rowcount > 0


def _incident(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    values["samples"] = _samples.decode(values["samples"])
    values["last"] = _last.decode(values["last"])
    values["muted_until"] = _FOREVER if values["muted_until"] is None else values["muted_until"]
    values["resolution"] = None if values["resolution"] is None else Resolution(values["resolution"])
    return Incident(**values)


def _values(incident: Incident) -> dict[str, Any]:
    values = {column.name: getattr(incident, column.name) for column in incidents.columns if column.name != "id"}
    values["samples"] = msgspec.json.encode(incident.samples).decode()
    values["last"] = msgspec.json.encode(incident.last).decode()
    values["muted_until"] = None if incident.muted_until == _FOREVER else incident.muted_until
    values["resolution"] = None if incident.resolution is None else incident.resolution.value
    return values


def _delivery(row: Row[Any]) -> Delivery:
    event = _dict.decode(row.event)
    attempts, is_dead = int(row.attempts), bool(row.is_dead)
    return Delivery(row.id, row.key, row.target, event, row.created_at, attempts, row.error, is_dead)
