"""…/counts and …/matches."""

from collections import Counter
from typing import Any

import pytest

from tests.support.history_server import BASE, History

AT = "2026-01-01T00:00:{:02}.000000000Z"
LEVELS = ("INFO", "ERROR", "INFO", "WARN", "DEBUG")


def level(number: int) -> str:
    return LEVELS[number * number % 5]


async def write(history: History, count: int = 60, *, size: int = 7) -> None:
    """Lines ``line N``, each of its level and second, several levels to a chunk."""
    for start in range(1, count + 1, size):
        for number in range(start, min(start + size, count + 1)):
            history.journal.append(history.batch(f"Line {number}", level=level(number), at=AT.format(number - 1)))
        await history.write("x", task="other")  # the same commit or a later one: those before are stored


@pytest.mark.parametrize("buckets", [1, 7, 60, 2000])
@pytest.mark.parametrize(
    ("params", "passes"),
    [
        ({}, lambda number: True),
        ({"level": "INFO,WARN"}, lambda number: level(number) in {"INFO", "WARN"}),
        ({"q": "LINE 1"}, lambda number: str(number).startswith("1")),
        ({"q": "3", "keywords": "line 1,line 2"}, lambda number: number in {13, 23}),
        ({"startTime": AT.format(9), "endTime": AT.format(40)}, lambda number: 10 <= number <= 41),
        ({"level": "ERROR", "startTime": AT.format(30)}, lambda number: number > 30 and level(number) == "ERROR"),
        ({"workerId": "nobody"}, lambda number: False),
    ],
)
async def test_counts_are_those_of_a_recount(history: History, params: Any, passes: Any, buckets: int) -> None:
    """By level, and in runs of equal length that cover the task, with the times of their ends."""
    await write(history)
    counts = await history.get("/logs/build/counts", buckets=buckets, **params)
    expected = Counter(level(number) for number in range(1, 61) if passes(number))
    assert (counts["levels"], counts["total"], counts["isComplete"]) == (dict(expected), expected.total(), True)
    width = -(-60 // buckets)
    assert [(each["from"], each["to"]) for each in counts["buckets"]] == [
        (start, min(start + width - 1, 60)) for start in range(1, 61, width)
    ]
    for each in counts["buckets"]:
        found = Counter(level(number) for number in range(each["from"], each["to"] + 1) if passes(number))
        assert (each["levels"], each["total"]) == (dict(found), found.total())
        assert (each["startTime"], each["endTime"]) == (AT.format(each["from"] - 1), AT.format(each["to"] - 1))


async def test_counts_begin_where_retention_has_left_off(history: History) -> None:
    """What is gone is in no bucket."""
    await history.write(*(f"line {number}" for number in range(100)), size=10)
    await history.journal.remove_through("build", 30, copied=1 << 60)
    counts = await history.get("/logs/build/counts", buckets=2)
    assert [(each["from"], each["to"], each["total"]) for each in counts["buckets"]] == [(31, 65, 35), (66, 100, 35)]


async def test_matches_are_the_sequences_of_a_text(history: History) -> None:
    """Whatever the case, with filters, and up to a limit, which it says."""
    await write(history)
    found = await history.get("/logs/build/matches", q="LINE 5")
    assert found["sequences"] == [5, *range(50, 60)]
    assert (found["total"], found["isComplete"], found["lastSequence"]) == (11, True, 60)
    found = await history.get("/logs/build/matches", q="line 5", level="INFO", limit=3)
    assert found["sequences"] == [n for n in (5, *range(50, 60)) if level(n) == "INFO"][:3]
    assert not found["isComplete"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/matches?filter=label:a", "filter"),
        (f"/matches?q={'x' * 257}", "q"),
        ("/matches?q=x&limit=0", "limit"),
        ("/counts?buckets=0", "buckets"),
        ("/counts?buckets=2001", "buckets"),
        ("/counts?level=LOUD", "level"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_field(history: History, path: str, field: str) -> None:
    """400."""
    await history.write("line")
    answer = await history.http.get(f"{BASE}/logs/build{path}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_task_may_be_called_like_a_path(history: History) -> None:
    """A slash that is written %2F is part of its id, whatever stands behind it."""
    for task in ("a/counts", "b/stream"):
        await history.write("line", task=task)
        assert (await history.page(task.replace("/", "%2F")))["taskId"] == task
        assert (await history.get(f"/logs/{task.replace('/', '%2F')}/counts"))["total"] == 1
