"""How a turn is stored: incidents, notifications that follow from them, and the engine's state in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from components.alerts.incidents import Incident, Notice
from components.alerts.messages import digest_event, incident_event
from components.alerts.repository import Repository
from components.alerts.rules import Rule
from components.alerts.targets import Target
from components.alerts.turns import EngineState, Turn

__all__ = ["StaleError", "write_digests", "write_turn"]

_DIGEST_EVENTS_MAX: Final = 50


class StaleError(Exception):
    """Another process has changed the stored state since it was read."""


def write_turn(
    connection: Connection, before: EngineState, turn: Turn, targets: Mapping[str, Target], now: float
) -> float | None:
    """Store a turn; its incidents have their ids afterwards.

    Args:
        connection: within a transaction.
        before: the state that the turn began with.
        turn: what has changed; its ``state.version`` becomes one more.
        targets: by name.
        now: Unix seconds.

    Returns:
        when the first digest is due that this has begun or added to; None: there is none.

    Raises:
        StaleError: what is stored is not ``before``.
    """
    repository = Repository(connection)
    if (repository.value("version") or {}).get("number") != before.version:
        raise StaleError
    turn.state.version = before.version + 1
    for slot, incident in turn.incidents.items():
        stored = repository.store(incident)
        turn.incidents[slot] = stored
        if stored.is_open:
            turn.state.open[slot[:3]] = stored
    for slot, tasks in turn.lines.items():
        repository.add_lines(turn.incidents[slot].id, tasks)
    due: list[float] = []
    for slot, notice in turn.notices:
        incident = replace(notice.incident, id=turn.incidents[slot].id)
        due += _write_notice(repository, replace(notice, incident=incident), turn.rules[incident.rule], targets, now)
    known = before.documents()
    for name, value in turn.state.documents().items():
        if value != known.get(name):
            repository.set_value(name, value)
    return min(due, default=None)


def _write_notice(
    repository: Repository, notice: Notice, rule: Rule, targets: Mapping[str, Target], now: float
) -> Sequence[float]:
    incident: Incident = notice.incident
    event = incident_event(notice.kind, incident, rule)
    due = []
    for name in rule.notify:
        target = targets.get(name)
        of_target = target.digest if target is not None else 0.0
        if period := of_target or rule.digest:
            group = "" if of_target else rule.name
            due.append(repository.add_to_digest(name, group, incident.id, event, now + period))
        else:
            repository.add_delivery(f"{incident.id}-{incident.notices}-{name}", name, event, now)
    return due


def write_digests(connection: Connection, now: float) -> tuple[int, float | None]:
    """Make one notification of each digest that is due; how many, and when the next one is."""
    repository = Repository(connection)
    due = repository.due_digests(now, _DIGEST_EVENTS_MAX)
    for target, rule, due_at, count, events in due:
        key = f"digest-{rule or 'all'}-{due_at:.3f}-{target}"
        repository.add_digest_delivery(key, target, rule, digest_event(events, count), now)
    return len(due), repository.next_digest()
