"""Which rule a task has, and what has to go for the limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.journal.inventory import StoredTask
from storage.retention.policy import Excess, RetentionPolicy, Survey
from storage.retention.rules import RetentionRule, parse_rules

DAY = 86400.0
patterns = st.sampled_from(["*", "a*", "*b", "a?", "ab", "b*", "?"])


@pytest.mark.parametrize(
    ("rules", "task", "oldest"),
    [
        ("golden=keep,*=3d", "golden", None),
        ("golden=keep,*=3d", "other", -3 * DAY),
        ("*=3d,golden=keep", "golden", -3 * DAY),
        ("nightly-x=1d,nightly-*=2d,*=3d", "nightly-x", -1 * DAY),
        ("nightly-x=1d,nightly-*=2d,*=3d", "nightly-y", -2 * DAY),
        ("nightly-*=2d", "other", -9 * DAY),
    ],
)
def test_of_overlapping_rules_the_first_counts(rules: str, task: str, oldest: float | None) -> None:
    """Also if a later one is narrower, or would take what the first one keeps."""
    policy = RetentionPolicy(age_seconds=9 * DAY, rules=parse_rules(rules))
    assert policy.oldest_kept(task, 0.0) == oldest


@given(st.lists(patterns, unique=True, max_size=5), st.sampled_from(["a", "ab", "ba", "b", "c"]))
def test_no_rule_before_that_of_a_task_covers_it(order: list[str], task: str) -> None:
    """And where a task has none, none does."""
    rules = tuple(RetentionRule(pattern, float(n + 1), "") for n, pattern in enumerate(order))
    found = RetentionPolicy(rules=rules).rule_of(task)
    before = rules if found is None else rules[: rules.index(found)]
    assert not any(rule.covers(task) for rule in before)
    assert found is None or found.covers(task)


@pytest.mark.parametrize(
    ("bytes_max", "expected"),
    [(31, []), (30, []), (29, [1]), (21, [9]), (20, [None]), (19, [None, 1]), (10, [None, None]), (0, [None] * 3)],
)
def test_bytes_that_just_fit_stay(bytes_max: int, expected: list[int | None]) -> None:
    """Three tasks of 10 bytes: whole ones go as long as what is over has at least their size, then part of one."""
    survey = Survey(RetentionPolicy(bytes_max=bytes_max))
    for number, name in enumerate("abc"):
        survey.add(StoredTask(name, 1, 10, 10, 0.0, 0.0, number))
    assert survey.is_over == bool(expected)
    found = list[Excess]()
    for excess in survey.excess():
        found.append(excess)
        survey.subtract(excess.bytes_min or excess.task.bytes, is_whole=excess.bytes_min is None)
    assert [(excess.task.task_id, excess.bytes_min) for excess in found] == list(zip("abc", expected, strict=False))


@pytest.mark.parametrize(("tasks_max", "count"), [(4, 0), (3, 0), (2, 1), (0, 3)])
def test_tasks_that_just_fit_stay(tasks_max: int, count: int) -> None:
    """No more go than there are too many."""
    survey = Survey(RetentionPolicy(tasks_max=tasks_max))
    for number, name in enumerate("abc"):
        survey.add(StoredTask(name, 1, 10, 10, 0.0, 0.0, number))
    gone = []
    for excess in survey.excess():
        gone.append(excess.task.task_id)
        survey.subtract(10, is_whole=True)
    assert gone == list("abc")[:count]
