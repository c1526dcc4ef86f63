"""What a turn stores: places of lines, notifications, digests; and what is read of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from components.alerts.evaluation import MARKS_MAX, LineRules, TaskLines
from components.alerts.repository import Repository
from components.alerts.rules import Group, Rule
from components.alerts.sending import title_and_text
from components.alerts.tables import create_tables
from components.alerts.targets import Target
from components.alerts.turn_storage import StaleError, write_digests, write_turn
from components.alerts.turns import EngineState, Turn
from storage.tables import DatabaseLocation, TableDatabase
from tests.components.alerts.test_turns import START, broken, lines, rules_of

DAILY = {"team": Target("team", "webhook", "https://hook.example", digest=3600.0)}


@pytest.fixture
def connection(location: DatabaseLocation) -> Iterator[Connection]:
    """Within a transaction of a database that has the tables."""
    database = TableDatabase(location, create=create_tables, name="alerts")
    with database.transaction() as connection:
        for name, value in EngineState().documents().items():
            Repository(connection).set_value(name, value)
        yield connection
    database.close()


def stored(
    connection: Connection,
    before: EngineState,
    rules: dict[str, Rule],
    *tasks: str,
    now: float = START,
    **targets: Target,
) -> tuple[EngineState, float | None]:
    """What is true after a line of each task, and when a digest is due."""
    turn = Turn(before, rules, now, lambda task_id: task_id)
    records = [lines(task, "broken", number=number) for number, task in enumerate(tasks, 1)]
    turn.take(LineRules(list(rules.values())).evaluate(records), len(records))
    return turn.state, write_turn(connection, before, turn, targets, now)


def notifying(**rest: Any) -> dict[str, Rule]:
    rule = rules_of(broken(**rest))["broken"]
    return {"broken": replace(rule, notify=("team",))}


@pytest.mark.parametrize(("of_rule", "targets"), [({"digest": "1h"}, {}), ({}, DAILY)])
def test_a_digest_is_one_notification_in_its_period(
    connection: Connection, of_rule: dict[str, Any], targets: dict[str, Target]
) -> None:
    """Of a rule or a target: each incident as it was last, whatever their number and the rule's budget."""
    rules = notifying(**of_rule, notifications_per_hour=100)
    state, due_at = stored(connection, EngineState(), rules, *(f"t-{n}" for n in range(60)), **targets)
    assert due_at == START + 3600
    state, due_at = stored(connection, state, rules, "late", now=START + 1_800, **targets)
    assert due_at == START + 3600
    assert write_digests(connection, START + 3599) == (0, START + 3600)
    assert write_digests(connection, START + 3600) == (1, None)
    ((delivery,), _) = Repository(connection).due(START + 3600, 10)
    title, said = title_and_text(delivery.event)
    assert (delivery.target, title) == ("team", "61 incidents, 50 of them open")
    assert said.splitlines()[0] == "[warning] broken: late (1 line)"
    assert said.splitlines()[-1] == "and 11 more"
    stored(connection, state, rules, "next", now=START + 4_000, **targets)
    assert Repository(connection).next_digest() == START + 7_600


def test_a_turn_upon_something_else_is_not_stored(connection: Connection) -> None:
    """Whoever has changed what is stored, the other one reads it again."""
    before = EngineState()
    stored(connection, before, notifying(), "t")
    with pytest.raises(StaleError):
        stored(connection, before, notifying(), "t")


def test_places_of_lines_are_kept_by_task(connection: Connection) -> None:
    """The first 200 of each of the first 1,000 tasks; they go with their incident."""
    state, _ = stored(connection, EngineState(), notifying(group="rule"), "a", "b")
    repository = Repository(connection)
    (incident,) = state.open.values()
    more = TaskLines(300, [(sequence, START) for sequence in range(2, 302)])
    repository.add_lines(
        incident.id, {"a": more, **{f"t-{number}": TaskLines(1, [(1, START)]) for number in range(1_100)}}
    )
    (found,) = repository.of_task("a", is_open=True, limit=10)
    assert (found.incident.id, found.lines.count, len(found.lines.marks)) == (incident.id, 301, MARKS_MAX)
    assert len(repository.open_by_task(2_000)) == 1_000
    assert repository.of_task("t-1099", is_open=None, limit=10) == []
    connection.execute(text("UPDATE otto_alert_incidents SET resolved_at = 1"))
    assert repository.open_by_task(10) == []
    repository.remove_resolved(2)
    assert repository.of_task("a", is_open=None, limit=10) == []


def test_tables_of_an_older_gateway_get_what_is_missing() -> None:
    """Who has muted an incident is said since then."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        create_tables(connection)
        connection.execute(text("ALTER TABLE otto_alert_incidents DROP COLUMN muted_by"))
        create_tables(connection)
        assert connection.execute(text("SELECT muted_by FROM otto_alert_incidents")).all() == []
    engine.dispose()


def test_notifications_of_an_incident_say_what_became_of_them(connection: Connection) -> None:
    """Waiting, given up, delivered."""
    repository = Repository(connection)
    stored(connection, EngineState(), notifying(), "a")
    ((delivery,), _) = repository.due(START + 1, 10)
    number = delivery.event["incident"]["id"]
    repository.failed(delivery.id, "no\0answer", None)
    gathered, (given_up,), delivered = repository.notifications(number, 10)
    assert (given_up.is_dead, given_up.error, gathered, delivered) == (True, "no\ufffdanswer", [], [])
    repository.sent(delivery, START + 2)
    gathered, pending, taken = repository.notifications(number, 10)
    assert (gathered, pending, [(each.at, each.notice) for each in taken]) == ([], [], [(START + 2, "opened")])
    assert repository.notified_at() == {"broken": START}


def test_digests_are_among_the_notifications_of_each_incident(connection: Connection) -> None:
    """Gathered, waiting, given up, delivered: also of those that are too many for the digest to name."""
    repository = Repository(connection)
    rules = notifying(notifications_per_hour=100)
    state, due_at = stored(connection, EngineState(), rules, *(f"t-{n}" for n in range(60)), **DAILY)
    ids = sorted(incident.id for incident in state.open.values())
    for number in (ids[0], ids[-1]):
        ((gathered,), pending, taken) = repository.notifications(number, 10)
        assert (gathered.at, gathered.target, gathered.notice, pending, taken) == (due_at, "team", "opened", [], [])
    write_digests(connection, START + 3600)
    ((delivery,), _) = repository.due(START + 3600, 10)
    repository.failed(delivery.id, "no answer", None)
    for number in (ids[0], ids[-1]):
        (gathered_now, (given_up,), taken) = repository.notifications(number, 10)
        assert (gathered_now, given_up.event["kind"], given_up.is_dead, taken) == ([], "digest", True, [])
    repository.sent(delivery, START + 3601)
    for number in ids:
        (_, pending, (sent,)) = repository.notifications(number, 10)
        assert (pending, sent.at, sent.target, sent.notice) == ([], START + 3601, "team", "digest")


def test_what_is_old_is_removed(connection: Connection) -> None:
    """Incidents that are resolved and notifications that were given up, with all that belongs to them."""
    repository = Repository(connection)
    state, _ = stored(connection, EngineState(), notifying(), "a", **DAILY)
    write_digests(connection, START + 3600)
    ((delivery,), _) = repository.due(START + 3600, 10)
    repository.failed(delivery.id, "no answer", None)
    repository.remove_resolved(START + 3601)
    assert repository.undelivered(10) == []
    (incident,) = state.open.values()
    assert repository.notifications(incident.id, 10) == ([], [], [])
    assert repository.find(incident.id) is not None


def test_incidents_are_found_by_the_names_of_their_tasks(connection: Connection) -> None:
    """In capitals or not, also where they share one, and page after page; what is a pattern elsewhere is text."""
    repository = Repository(connection)
    rules = notifying(group="rule")
    state, _ = stored(connection, EngineState(), rules, "Build-1", "web_1")
    stored(connection, state, {"broken": replace(rules["broken"], group=Group.TASK)}, *(f"web-{n}" for n in range(5)))

    def names(task: str, **rest: Any) -> list[str]:
        return [incident.key for incident in repository.page(task=task, limit=2, **rest)]

    assert (names("build"), names("EB_1"), names("%"), names("web\0")) == (["*"], ["*"], [], [])
    found, below = list[int](), None
    while page := repository.page(task="web", below=below, limit=2):
        found += [incident.id for incident in page]
        below = found[-1]
    assert (len(found), found) == (6, sorted(found, reverse=True))
    assert names("web", rule="none") == names("web", is_open=False) == []


def test_a_line_with_a_null_character_is_an_incident(connection: Connection) -> None:
    """One line that PostgreSQL cannot store as it is must not stop the engine."""
    rules = notifying()
    turn = Turn(EngineState(), rules, START, lambda task_id: task_id)
    turn.take(LineRules(list(rules.values())).evaluate([lines("t", "broken\0 pipe")]), 1)
    write_turn(connection, EngineState(), turn, {}, START)
    (incident,) = Repository(connection).page(limit=10)
    assert (incident.template, incident.samples[0].message) == ("broken\ufffd pipe", "broken\0 pipe")
