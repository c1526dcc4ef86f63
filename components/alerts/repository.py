"""What is read and written in the tables of alerts.

What a run of records has changed is written in one transaction with the position up to which records were evaluated: a
gateway that is killed evaluates none twice and leaves none out.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    table,
    update,
)

from components.alerts.evaluation import MARKS_MAX, TaskLines
from components.alerts.incidents import Incident, Resolution, Sample
from components.alerts.stages import StageEvent, events_of
from components.alerts.tables import delivered, digested, digests, incidents, marks, outbox, state

__all__ = ["Delivered", "Delivery", "Gathered", "MarkedIncident", "Repository"]

_stages: Final = table(
    "journal_stages", column("pipeline_id"), column("stage_id"), column("number"), column("document")
)
_TASKS_PER_INCIDENT_MAX: Final = 1_000

_samples: Final = msgspec.json.Decoder(tuple[Sample, ...])
_last: Final = msgspec.json.Decoder(Sample | None)
_positions: Final = msgspec.json.Decoder(list[tuple[int, float]])
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


class Delivered(msgspec.Struct, frozen=True):
    """A notification of an incident that was taken, at Unix seconds."""

    at: float
    target: str
    notice: str


class Gathered(msgspec.Struct, frozen=True):
    """A notification of an incident that is sent with others, at Unix seconds."""

    at: float
    target: str
    notice: str


class MarkedIncident(msgspec.Struct, frozen=True):
    """An incident, and what it has of one task."""

    incident: Incident
    lines: TaskLines


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
        written = _json(value)
        if self._db.execute(update(state).where(state.c.name == name).values(value=written)).rowcount == 0:
            self._db.execute(insert(state).values(name=name, value=written))

    def open_incidents(self) -> list[Incident]:
        """All that are not resolved."""
        query = select(incidents).where(incidents.c.resolved_at.is_(None)).order_by(incidents.c.id)
        return [_incident(row) for row in self._db.execute(query)]

    def page(
        self, *, is_open: bool | None = None, rule: str = "", task: str = "", below: int | None = None, limit: int
    ) -> list[Incident]:
        """Incidents, the newest first.

        Args:
            is_open: only those that are open, or resolved.
            rule: of this one alone.
            task: in the name of a task that they have lines of, or in their key; capitals of ASCII count as small.
            below: with a smaller id.
            limit: how many at most.
        """
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        if is_open is not None:
            query = query.where(incidents.c.resolved_at.is_(None) if is_open else incidents.c.resolved_at.is_not(None))
        if rule:
            query = query.where(incidents.c.rule == _text(rule))
        if task:
            of_task = select(marks.c.incident_id).where(_contains(marks.c.task_id, task))
            query = query.where(_contains(incidents.c.key, task) | incidents.c.id.in_(of_task))
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
        """Remove incidents that were resolved before that, and notifications that were given up of that time."""
        dead = select(outbox.c.id).where(outbox.c.is_dead == 1, outbox.c.created_at < before)
        self._db.execute(delete(digested).where(digested.c.delivery_id.in_(dead)))
        self._db.execute(delete(outbox).where(outbox.c.id.in_(dead)))
        old = select(incidents.c.id).where(incidents.c.resolved_at < before)
        for of_incidents in (marks, delivered):
            self._db.execute(delete(of_incidents).where(of_incidents.c.incident_id.in_(old)))
        return self._db.execute(delete(incidents).where(incidents.c.resolved_at < before)).rowcount

    def recent_incidents(self, resolved_after: float) -> list[Incident]:
        """Those that are open, or were resolved after that."""
        is_recent = incidents.c.resolved_at.is_(None) | (incidents.c.resolved_at > resolved_after)
        return [_incident(row) for row in self._db.execute(select(incidents).where(is_recent))]

    def add_lines(self, number: int, tasks: Mapping[str, TaskLines]) -> None:
        """An incident has further lines of these tasks; beyond 1,000 tasks those of others are not kept."""
        of = marks.c.incident_id == number
        stored = self._db.execute(select(marks).where(of, marks.c.task_id.in_(list(tasks)))).all()
        known = {row.task_id: TaskLines(int(row._mapping["count"]), _positions.decode(row.positions)) for row in stored}
        room = _TASKS_PER_INCIDENT_MAX
        if len(known) < len(tasks):
            room -= int(self._db.execute(select(func.count()).select_from(marks).where(of)).scalar_one())
        for task_id, added in tasks.items():
            lines = known.get(task_id)
            if lines is None:
                if room > 0:
                    room -= 1
                    values = {"count": added.count, "positions": _json(added.marks)}
                    self._db.execute(insert(marks).values(incident_id=number, task_id=task_id, **values))
                continue
            changes: dict[str, Any] = {"count": lines.count + added.count}
            if len(lines.marks) < MARKS_MAX and added.marks:
                lines.add(added)
                changes["positions"] = _json(lines.marks)
            self._db.execute(update(marks).where(of, marks.c.task_id == task_id).values(changes))

    def of_task(self, task_id: str, *, is_open: bool | None, limit: int) -> list[MarkedIncident]:
        """Incidents with lines of a task, the newest first."""
        query = select(incidents, marks.c.count.label("lines"), marks.c.positions).join(
            marks, marks.c.incident_id == incidents.c.id
        )
        query = query.where(marks.c.task_id == task_id).order_by(incidents.c.id.desc()).limit(limit)
        if is_open is not None:
            query = query.where(incidents.c.resolved_at.is_(None) if is_open else incidents.c.resolved_at.is_not(None))
        found = []
        for row in self._db.execute(query):
            values = dict(row._mapping)
            lines = TaskLines(int(values.pop("lines")), _positions.decode(values.pop("positions")))
            found.append(MarkedIncident(_incident(values), lines))
        return found

    def open_by_task(self, limit: int) -> list[tuple[str, int]]:
        """How many open incidents tasks have, those with the newest one first."""
        query = (
            select(marks.c.task_id, func.count(), func.max(incidents.c.id).label("newest"))
            .join(incidents, incidents.c.id == marks.c.incident_id)
            .where(incidents.c.resolved_at.is_(None))
            .group_by(marks.c.task_id)
            .order_by(func.max(incidents.c.id).desc(), marks.c.task_id)
            .limit(limit)
        )
        return [(task_id, int(count)) for task_id, count, _ in self._db.execute(query)]

    def add_to_digest(self, target: str, rule: str, number: int, event: Mapping[str, Any], due_at: float) -> float:
        """Something that is sent with others; the pending one of the incident is replaced.

        Args:
            target: its name.
            rule: the digest's; empty: it is the target's.
            number: of the incident.
            event: what is said of it.
            due_at: when the digest is sent if it begins with this.

        Returns:
            when it is sent.
        """
        of = (digests.c.target == target, digests.c.rule == rule)
        begun = self._db.execute(select(func.min(digests.c.due_at)).where(*of)).scalar()
        self._db.execute(delete(digests).where(*of, digests.c.incident_id == number))
        due_at = due_at if begun is None else float(begun)
        values = {"target": target, "rule": rule, "incident_id": number, "event": _json(event), "due_at": due_at}
        self._db.execute(insert(digests).values(values))
        return due_at

    def next_digest(self) -> float | None:
        """When the next one is sent."""
        found = self._db.execute(select(func.min(digests.c.due_at))).scalar()
        return None if found is None else float(found)

    def due_digests(self, now: float, events_max: int) -> list[tuple[str, str, float, int, list[dict[str, Any]]]]:
        """Those that are due: target, rule, when, how many incidents, and the events of the newest ones."""
        due = (
            select(digests.c.target, digests.c.rule, func.min(digests.c.due_at), func.count())
            .where(digests.c.due_at <= now)
            .group_by(digests.c.target, digests.c.rule)
        )
        found = []
        for target, rule, due_at, count in self._db.execute(due).all():
            of = (digests.c.target == target, digests.c.rule == rule)
            newest = select(digests.c.event).where(*of).order_by(digests.c.incident_id.desc()).limit(events_max)
            events = [_dict.decode(event) for event in self._db.execute(newest).scalars()]
            found.append((target, rule, float(due_at), int(count), events))
        return found

    def add_digest_delivery(self, key: str, target: str, rule: str, event: Mapping[str, Any], now: float) -> None:
        """A digest is to be sent; what was gathered for it is part of that."""
        number = self.add_delivery(key, target, event, now)
        of = (digests.c.target == target, digests.c.rule == rule)
        taken = select(literal(number), digests.c.incident_id).where(*of)
        self._db.execute(insert(digested).from_select(["delivery_id", "incident_id"], taken))
        self._db.execute(delete(digests).where(*of))

    def add_delivery(self, key: str, target: str, event: Mapping[str, Any], now: float) -> int:
        """Something to be sent; its id."""
        values = {"key": key, "target": target, "event": _json(event), "created_at": now, "next_at": now}
        number = self._db.execute(insert(outbox).values(values)).inserted_primary_key
        assert number is not None  # noqa: S101 - an insert has one
        return int(number[0])

    def due(
        self, now: float, limit: int, *, without: Collection[int] = (), busy: Collection[str] = ()
    ) -> tuple[list[Delivery], float | None]:
        """What is to be sent now; and when the next one is.

        Args:
            now: Unix seconds.
            limit: how many at most.
            without: ids that are being sent.
            busy: targets that are sent nothing more for now.
        """
        query = select(outbox).where(
            outbox.c.is_dead == 0, outbox.c.next_at <= now, outbox.c.id.not_in(without), outbox.c.target.not_in(busy)
        )
        rows = self._db.execute(query.order_by(outbox.c.id).limit(limit)).all()
        following = self._db.execute(
            select(func.min(outbox.c.next_at)).where(outbox.c.is_dead == 0, outbox.c.next_at > now)
        ).scalar()
        return [_delivery(row) for row in rows], following

    def sent(self, delivery: Delivery, now: float) -> None:
        """It was taken."""
        self._db.execute(delete(outbox).where(outbox.c.id == delivery.id))
        is_of_it = digested.c.delivery_id == delivery.id
        taken = select(digested.c.incident_id, literal(now), literal(delivery.target), literal(delivery.event["kind"]))
        rows = insert(delivered).from_select(["incident_id", "at", "target", "notice"], taken.where(is_of_it))
        if self._db.execute(rows).rowcount == 0 and "incident" in delivery.event:
            number, notice = delivery.event["incident"]["id"], delivery.event["kind"]
            values = {"incident_id": number, "at": now, "target": delivery.target, "notice": notice}
            self._db.execute(insert(delivered).values(values))
        self._db.execute(delete(digested).where(is_of_it))

    def notifications(self, number: int, limit: int) -> tuple[list[Gathered], list[Delivery], list[Delivered]]:
        """Those of an incident that are gathered, wait or were given up, and were taken, each the newest first."""
        gathered = select(digests).where(digests.c.incident_id == number).order_by(digests.c.due_at.desc()).limit(limit)
        in_digests = select(digested.c.delivery_id).where(digested.c.incident_id == number)
        is_of_it = outbox.c.key.like(f"{number}-%") | outbox.c.id.in_(in_digests)
        waiting = select(outbox).where(is_of_it).order_by(outbox.c.id.desc()).limit(limit)
        taken = select(delivered).where(delivered.c.incident_id == number).order_by(delivered.c.id.desc()).limit(limit)
        return (
            [Gathered(row.due_at, row.target, _dict.decode(row.event)["kind"]) for row in self._db.execute(gathered)],
            [_delivery(row) for row in self._db.execute(waiting)],
            [Delivered(row.at, row.target, row.notice) for row in self._db.execute(taken)],
        )

    def notified_at(self) -> dict[str, float]:
        """The time of the last notification by rule, in Unix seconds."""
        last = func.max(incidents.c.notified_at)
        rows = self._db.execute(select(incidents.c.rule, last).group_by(incidents.c.rule).having(last.is_not(None)))
        return {rule: float(at) for rule, at in rows}

    def failed(self, number: int, error: str, next_at: float | None) -> None:
        """It could not be sent; it is tried again at ``next_at``, or not at all."""
        changes = {"attempts": outbox.c.attempts + 1, "error": _text(error[:1000]), "is_dead": int(next_at is None)}
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

    def documents(self, kind: Table) -> list[tuple[dict[str, Any], str]]:
        """Documents of stored rules or windows, with their authors."""
        rows = self._db.execute(select(kind).order_by(kind.c.name))
        return [(_dict.decode(row.document), row.author) for row in rows]

    def store_document(self, kind: Table, name: str, document: Mapping[str, Any], author: str) -> None:
        """Store a rule or a window, in the place of one of the same name."""
        self.remove_document(kind, name)
        self._db.execute(insert(kind).values(name=name, document=_json(document), author=author))

    def remove_document(self, kind: Table, name: str) -> bool:
        """Whether there was one."""
        return self._db.execute(delete(kind).where(kind.c.name == name)).rowcount > 0

    def stored_stages(self) -> list[StageEvent]:
        """The stages of all pipelines whose last state is an end, in the journal's own table."""
        rows = self._db.execute(select(_stages)).tuples()
        return events_of((pipeline, stage, number, bytes(document)) for pipeline, stage, number, document in rows)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _contains(name: Column[str], text: str) -> ColumnElement[bool]:
    """Whether a name has a text in it; both are made small by the database, which leaves letters beyond ASCII alone."""
    pattern = "".join(f"!{each}" if each in "!%_" else each for each in _text(text))
    return func.lower(name).like(func.lower(f"%{pattern}%"), escape="!")


def _incident(row: Row[Any] | Mapping[str, Any]) -> Incident:
    values = dict(row._mapping if isinstance(row, Row) else row)
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
    values |= {name: _text(values[name]) for name in ("muted_by", "resolved_by")}
    return values


def _text(text: str) -> str:
    """What a target or a token says, without the character that PostgreSQL stores in no text."""
    return text.replace("\0", "\ufffd")


def _delivery(row: Row[Any]) -> Delivery:
    event = _dict.decode(row.event)
    attempts, is_dead = int(row.attempts), bool(row.is_dead)
    return Delivery(row.id, row.key, row.target, event, row.created_at, attempts, row.error, is_dead)
