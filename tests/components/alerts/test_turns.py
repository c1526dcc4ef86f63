"""Turns: what opens, counts, notifies and resolves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.alerts.evaluation import Evaluation, LineRules
from components.alerts.incidents import OPEN_PER_RULE_MAX, NoticeKind, Resolution
from components.alerts.maintenance import Window, windows_from
from components.alerts.rules import RULES_MAX, Rule, rules_from
from components.alerts.stages import StageEvent
from components.alerts.turns import EngineState, Turn
from filters.entry import LogEntry, encode_lines
from filters.matching import Matcher
from filters.timestamps import from_nanos
from storage.journal.interface import Record, TaskEnded

START = 1_767_225_600.0


def rules_of(*rules: dict[str, Any]) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules_from({"rules": list(rules)}, ())}


def broken(**rest: Any) -> dict[str, Any]:
    return {"name": "broken", "filter": {"keywords": ["broken"]}} | rest


def lines(task_id: str, *messages: str, at: float = START, first: int = 1, number: int = 1) -> Record:
    stamp = from_nanos(int(at * 1e9))
    entries = [LogEntry(task_id, "w", first + n, stamp, "ERROR", "stderr", text) for n, text in enumerate(messages)]
    return Record(number, task_id, first, encode_lines(entries))


def end(task_id: str, status: str, number: int = 1) -> Record:
    return Record(number, task_id, ended=TaskEnded(task_id, 1, status, "", "exit code 2", False))


class Bench:
    """Turns one after the other, with a clock of their own."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.rules = rules_of(*rules)
        self.state = EngineState()
        self.now = START
        self.told: list[str] = []
        self.windows: list[Window] = []
        self.task_labels: dict[str, frozenset[str]] = {}

    def labels(self, task_id: str) -> frozenset[str]:
        return self.task_labels.get(task_id, frozenset())

    def take(self, *records: Record) -> Turn:
        turn = self.turn()
        labels = {record.task_id: self.labels(record.task_id) for record in records}
        turn.take(LineRules(list(self.rules.values())).evaluate(records, labels), records[-1].id)
        return self._done(turn)

    def wait(self, seconds: float) -> Turn:
        self.now += seconds
        turn = self.turn()
        turn.pass_time()
        return self._done(turn)

    def stage(self, *events: StageEvent) -> Turn:
        turn = self.turn()
        turn.take_stages(events)
        return self._done(turn)

    def turn(self) -> Turn:
        return Turn(
            self.state,
            self.rules,
            self.now,
            lambda task: task.rpartition("-")[0],
            windows=self.windows,
            labels=self.labels,
        )

    def _done(self, turn: Turn) -> Turn:
        documents, incidents = turn.state.documents(), list(turn.state.open.values())
        restored = EngineState.of(lambda name: dict(documents[name]), incidents, self.rules.values())
        assert restored == turn.state  # whatever a restart finds
        self.state = turn.state
        self.told += [f"{notice.kind} {notice.incident.count}" for _, notice in turn.notices]
        return turn


def test_a_crash_loop_of_a_million_lines_is_two_notifications() -> None:
    """The first line, and the end with their number."""
    bench = Bench(broken())
    for start in range(0, 1_000_000, 100_000):
        bench.take(lines("build-7", *(f"broken after {n} ms" for n in range(start, start + 1_000))))
        bench.state.open["broken", "build-7", "broken after * ms"]
    bench.wait(1_800)
    assert bench.told == ["opened 1000", "resolved 10000"]


def test_what_goes_on_is_told_once_in_a_cooldown() -> None:
    """With the number of lines until then; where there are no more, nothing is sent."""
    bench = Bench(broken(cooldown="10m", resolve_after="2h"))
    bench.take(lines("build-7", "broken"))
    bench.take(lines("build-7", "broken", "broken"))
    bench.wait(599)
    assert bench.told == ["opened 1"]
    bench.wait(1)
    bench.wait(3_000)
    assert bench.told == ["opened 1", "continues 3"]


def test_lines_of_other_kinds_and_tasks_are_other_incidents() -> None:
    """What differs in numbers and quoted names alone is one; a rule may take all tasks together."""
    bench = Bench(broken(), broken(name="all", group="rule"))
    bench.take(lines("a", "broken pipe 1", "broken pipe 2", "broken 'x'"), lines("b", "broken pipe 3", number=2))
    assert sorted((rule, key, incident.count) for (rule, key, _), incident in bench.state.open.items()) == [
        ("all", "*", 1),
        ("all", "*", 3),
        ("broken", "a", 1),
        ("broken", "a", 2),
        ("broken", "b", 1),
    ]


def test_a_rule_has_a_bounded_number_of_open_incidents() -> None:
    """Further kinds of lines share one."""
    bench = Bench(broken(notifications_per_hour=10_000))
    bench.take(lines("a", *(f"broken {'x' * n}" for n in range(1, OPEN_PER_RULE_MAX + 50))))
    assert len(bench.state.open) == OPEN_PER_RULE_MAX + 1
    assert sum(incident.count for incident in bench.state.open.values()) == OPEN_PER_RULE_MAX + 49


def test_a_rule_has_a_budget_of_notifications() -> None:
    """What is beyond it is counted, and told when the hour is over."""
    bench = Bench(broken(notifications_per_hour=2, resolve_after="5h"))
    bench.take(*(lines(f"t-{n}", "broken", number=n) for n in range(1, 6)))
    assert len(bench.told) == 2
    assert bench.state.budgets["broken"].suppressed == 3
    bench.wait(3_601)
    assert len(bench.told) == 4


def test_a_rule_that_matches_everything_is_bounded() -> None:
    """However many kinds of lines and tasks there are: in incidents, and in notifications of an hour."""
    bench = Bench({"name": "all", "filter": "/^/"})
    for number in range(20):
        bench.take(
            *(lines(f"t-{number}-{task}", *("ab" * n for n in range(1, 21)), number=task) for task in range(1, 6))
        )
    assert (len(bench.state.open), len(bench.told)) == (OPEN_PER_RULE_MAX + 1, 20)
    assert sum(incident.count for incident in bench.state.open.values()) == 2_000
    bench.wait(600)
    assert len(bench.told) == 20


def test_ten_thousand_rules_cost_what_those_cost_that_may_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is matched by rules with a keyword that is in it, and by no other."""
    rules = rules_of(*({"name": f"r-{n}", "filter": {"keywords": [f"word-{n:05}"]}} for n in range(RULES_MAX)))
    asked: list[Matcher] = []
    select = Matcher.select
    monkeypatch.setattr(Matcher, "select", lambda matcher, entries: asked.append(matcher) or select(matcher, entries))
    found = LineRules(list(rules.values())).evaluate([lines("t", *["fine"] * 100, "word-00042", "word-09999")]).found
    assert sorted(rule for rule, _, _ in found) == ["r-42", "r-9999"]
    assert len(asked) == 2


def test_rules_that_can_find_nothing_now_are_not_asked_about_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of lines when a task ends, and those of time before that is over: patterns of 10,000 rules cost."""
    asked: list[str] = []
    covers = Rule.covers

    def counted(rule: Rule, *args: Any) -> bool:
        asked.append(rule.name)
        return covers(rule, *args)

    bench = Bench(
        *(broken(name=f"line-{number}") for number in range(100)),
        *({"name": f"silent-{number}", "when": "silent", "for": "10m"} for number in range(100)),
        {"name": "red", "when": "failed"},
    )
    bench.take(*(lines(f"t-{number}", "fine") for number in range(10)))
    monkeypatch.setattr(Rule, "covers", counted)
    bench.wait(599)
    assert asked == []
    bench.take(end("t-1", "FAILED"))
    assert asked == ["red"]
    bench.wait(1)
    assert len(asked) == 1 + 9 * 100


@pytest.mark.parametrize("is_one_turn", [True, False])
@pytest.mark.parametrize(
    ("gaps", "count"), [((0, 20, 20), 3), ((0, 40, 30), 0), ((0, 70, 5, 10), 3), ((0, 70, 5, 10, 90), 4)]
)
def test_lines_are_counted_within_a_time(gaps: tuple[int, ...], count: int, is_one_turn: bool) -> None:
    """Three within a minute, in one turn or over several; these and what comes after them count."""
    bench = Bench(broken(when="count", count=3, within="1m"))
    at, records = START, []
    for number, gap in enumerate(gaps, 1):
        at += gap
        records.append(lines("t", "broken", at=at, first=number, number=number))
    for turn in [records] if is_one_turn else [[record] for record in records]:
        bench.take(*turn)
    assert [incident.count for incident in bench.state.open.values()] == [count] * (count > 0)


def test_a_task_that_fails_stays_failed_until_a_run_succeeds() -> None:
    """Its runs share an incident; a rule for what recovers tells of the first one that succeeds."""
    bench = Bench({"name": "red", "when": "failed"}, {"name": "green", "when": "recovered"})
    bench.take(end("build-1", "FAILED"))
    bench.take(end("build-2", "FAILED", 2))
    (incident,) = bench.state.open.values()
    assert (incident.key, incident.count, incident.samples[0].message) == ("build", 2, "exit code 2")
    turn = bench.take(end("build-3", "COMPLETED", 3))
    assert not bench.state.open
    assert {place[0]: each.resolution for place, each in turn.incidents.items()} == {
        "red": Resolution.SUCCESS,
        "green": Resolution.SUCCESS,
    }
    assert bench.told == ["opened 1", "opened 1", "resolved 2"]
    bench.take(end("build-4", "COMPLETED", 4))
    assert len(bench.told) == 3


def test_an_incident_that_is_over_and_another_one_are_two() -> None:
    """Also in one turn: the first one is stored as resolved, and each is notified of."""
    bench = Bench({"name": "red", "when": "failed"})
    turn = bench.take(end("a-1", "FAILED"), end("a-2", "COMPLETED", 2), end("a-3", "FAILED", 3))
    assert [(slot[3], each.is_open, each.samples[0].task_id) for slot, each in turn.incidents.items()] == [
        (0, False, "a-1"),
        (1, True, "a-3"),
    ]
    assert bench.told == ["opened 1", "resolved 1", "opened 1"]
    assert [slot[3] for slot, _ in turn.notices] == [0, 0, 1]


def test_a_silent_task_is_noticed_once_until_it_has_lines_again() -> None:
    """And one that has ended is not silent."""
    bench = Bench({"name": "silent", "when": "silent", "for": "10m"})
    bench.take(lines("t-1", "fine"), lines("t-2", "fine", number=2), end("t-2", "COMPLETED", 3))
    bench.wait(600)
    bench.wait(600)
    assert bench.told == ["opened 1"]
    bench.take(lines("t-1", "again", at=bench.now, first=2, number=4))
    assert bench.told == ["opened 1", "resolved 1"]
    bench.wait(600)
    assert bench.told[2:] == ["opened 1"]


def test_a_task_that_runs_long_is_noticed_until_it_ends() -> None:
    """However busy it is."""
    bench = Bench({"name": "long", "when": "running", "for": "1h"})
    for minute in range(90):
        bench.take(lines("t-1", "fine", at=START + minute * 60, first=minute + 1, number=minute + 1))
        bench.wait(60)
    assert bench.told == ["opened 1"]
    bench.take(end("t-1", "FAILED", 99))
    assert bench.told == ["opened 1", "resolved 1"]


def test_a_muted_incident_counts_and_sends_nothing() -> None:
    """Until its time; then a notification counts what has come meanwhile."""
    bench = Bench(broken(cooldown="1m", resolve_after="7d"))
    turn = bench.take(lines("t", "broken"))
    (place, incident), *_ = turn.state.open.items()
    from dataclasses import replace

    turn.put(place, replace(incident, muted_until=START + 3_600))
    bench.state = turn.state
    bench.take(lines("t", "broken", "broken"))
    bench.wait(3_000)
    assert bench.told == ["opened 1"]
    bench.wait(600)
    assert bench.told == ["opened 1", "continues 3"]


def failed(number: int, pipeline: str = "release-1", stage: str = "deploy") -> StageEvent:
    return StageEvent(pipeline, stage, number, has_failed=True, at=START, message="no space left")


def test_a_stage_that_fails_is_an_incident_until_it_completes() -> None:
    """Of all runs of its pipeline; a transition that was evaluated before, or of another stage, changes nothing."""
    bench = Bench({"name": "stages", "when": "stage_failed", "tasks": "release-*"})
    bench.state.stages = {}
    bench.stage(failed(3), failed(3), failed(4, "other-1"))
    bench.stage(failed(2), failed(1, "release-2"))
    (incident,) = bench.state.open.values()
    assert (incident.key, incident.template, incident.count) == ("release", "deploy", 2)
    assert incident.samples[0].message == "stage deploy failed: no space left"
    bench.take(end("release-2", "COMPLETED"))
    assert bench.state.open
    bench.stage(StageEvent("release-2", "deploy", 2, has_failed=False, at=START, message=""))
    assert bench.told == ["opened 1", "resolved 2"]


def test_a_rule_chooses_tasks_by_labels() -> None:
    """Lines, ends and times of those that have all of them."""
    scope = {"labels": {"repo": "shop"}}
    bench = Bench(
        broken(**scope),
        {"name": "red", "when": "failed", **scope},
        {"name": "s", "when": "silent", "for": "1m"} | scope,
    )
    bench.task_labels = {"a-1": frozenset({"repo", "repo=shop"}), "b-1": frozenset({"repo", "repo=bank"})}
    bench.take(*(lines(task, "broken", number=n) for n, task in enumerate(("a-1", "b-1", "c-1"), 1)))
    bench.wait(60)
    bench.take(*(end(task, "FAILED", n) for n, task in enumerate(("a-1", "b-1", "c-1"), 4)))
    assert sorted((rule, key) for rule, key, _ in bench.state.open) == [("broken", "a-1"), ("red", "a")]
    assert len(bench.told) == 4


def test_nobody_is_notified_in_a_maintenance_window() -> None:
    """What is still open afterwards is notified then; what is over is not, and other tasks and rules are as always."""
    bench = Bench(broken(cooldown="1m", resolve_after="2h"), broken(name="short", resolve_after="1m"))
    written = {"name": "w", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "tasks": "build-*"}
    bench.windows = windows_from([written])
    bench.take(lines("build-7", "broken"))
    bench.wait(60)
    assert bench.told == []
    bench.take(lines("test-1", "broken", number=2))
    assert bench.told == ["opened 1"] * 2
    bench.wait(3_540)
    assert bench.told == ["opened 1"] * 3 + ["resolved 1"]


def test_incidents_have_the_places_of_their_lines() -> None:
    """By task, the first 200; the end of a task is where it failed."""
    bench = Bench(broken(group="rule"), {"name": "red", "when": "failed"})
    turn = bench.take(lines("a", *["broken"] * 300), lines("b", "fine", "broken", number=2))
    tasks = turn.lines["broken", "*", "broken", 0]
    assert (tasks["a"].count, len(tasks["a"].marks), tasks["b"].marks) == (300, 200, [(2, START)])
    turn = bench.take(end("a-1", "FAILED", 3))
    assert turn.lines["red", "a", "", 0]["a-1"].marks == [(1, START)]


def test_incidents_of_a_rule_that_was_removed_are_resolved() -> None:
    """Nobody is notified: there is no rule that says who."""
    bench = Bench(broken())
    bench.take(lines("t", "broken"))
    bench.rules = {}
    turn = bench.wait(1)
    assert [each.resolved_by for each in turn.incidents.values()] == ["the rule was removed"]
    assert bench.told == ["opened 1"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(("broken", "fine", "broken too", "Broken"))), max_size=60
    ),
    st.lists(st.integers(1, 20), min_size=1, max_size=20),
)
def test_incidents_are_those_of_a_plain_recount(found: list[tuple[str, str]], cuts: list[int]) -> None:
    """However lines are cut into records, and records into turns."""
    bench = Bench(broken(), {"name": "too", "filter": {"keywords": ["too"]}, "tasks": "b"})
    sequences = {"a": 0, "b": 0}
    waiting: list[Record] = []
    for number, (task, message) in enumerate(found, 1):
        sequences[task] += 1
        waiting.append(lines(task, message, first=sequences[task], number=number))
        if len(waiting) >= cuts[number % len(cuts)]:
            bench.take(*waiting)
            waiting = []
    if waiting:
        bench.take(*waiting)
    expected = {
        (rule, task)
        for task, message in found
        for rule, word in (("broken", "broken"), ("too", "too"))
        if word in message.lower() and (rule == "broken" or task == "b")
    }
    assert {(rule, key) for rule, key, _ in bench.state.open} == expected
    for (rule, key, template), incident in bench.state.open.items():
        word = "too" if rule == "too" else "broken"
        assert incident.count == sum(
            task == key and message == template and word in message.lower() for task, message in found
        )


def test_an_evaluation_of_nothing_has_nothing() -> None:
    assert LineRules([]).evaluate([lines("t", "broken")]).found == Evaluation().found
    assert NoticeKind("opened") is NoticeKind.OPENED
