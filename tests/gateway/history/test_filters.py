"""One filter in every question about what is stored."""

from collections.abc import Sequence
from typing import Any

import pytest

from storage.journal.interface import WorkerReport
from tests.support.history_server import BASE, History
from tests.support.journal_items import AT

LEVELS = ("INFO", "WARN", "ERROR")
TEXTS = ("compiling module", "retry: Timeout after 5 ms", "connection REFUSED", "exit status 2", "exit status 0")
FILTERS = {
    '(timeout OR "connection refused") -retry': [n for n in range(60) if n % 5 == 2],
    "/exit (code|status) [1-9]/ level:WARN": [n for n in range(60) if n % 5 == 3 and n % 3 == 1],
    "-/\\d/ -compiling": [n for n in range(60) if n % 5 == 2],
    "level:ERROR OR /TIMEOUT/i": [n for n in range(60) if n % 3 == 2 or n % 5 == 1],
    "NOT worker:other -(level:INFO OR status)": [n for n in range(60) if n % 3 and n % 5 < 3],
}


async def write(history: History) -> None:
    for number in range(60):
        await history.write(TEXTS[number % 5], level=LEVELS[number % 3])


@pytest.mark.parametrize(("expression", "expected"), FILTERS.items())
async def test_every_question_has_the_same_lines(history: History, expression: str, expected: Sequence[int]) -> None:
    """Pages, downloads, counts, matches and searches."""
    await write(history)
    query = {"filter": expression}
    sequences = [number + 1 for number in expected]
    assert [each["sequence"] for each in (await history.page(**query))["entries"]] == sequences
    assert [each["sequence"] for each in (await history.page(tail=100, **query))["entries"]] == sequences
    assert [each["sequence"] for each in (await history.page(download=1, **query))["entries"]] == sequences
    counts = await history.get("/logs/build/counts", **query)
    assert counts["levels"] == {
        name: count for name in LEVELS if (count := sum(LEVELS[number % 3] == name for number in expected))
    }
    assert (await history.get("/logs/build/matches", **query))["sequences"] == sequences
    found = await history.get("/search", limit=100, **query)
    assert [hit["entry"]["sequence"] for hit in found["hits"]] == sequences[::-1]


async def test_a_wrong_expression_is_answered_with_the_character(history: History) -> None:
    """400 with field and position, and what would be right."""
    await history.write("line")
    for path in ("/logs/build", "/logs/build/counts", "/logs/build/matches", "/search"):
        answer = await history.http.get(BASE + path, params={"filter": "error (timeout"})
        assert answer.status_code == 400
        assert answer.json()["error"] == {
            "code": "INVALID_ARGUMENT",
            "message": "filter, character 7: '(' is not closed: add ')', or put a text with it in quotes",
            "field": "filter",
            "position": 7,
        }


async def labelled(history: History, task: str, **labels: str) -> None:
    """A task whose worker has reported labels."""
    metadata = {f"label.{name}": value for name, value in labels.items()}
    await history.journal.append(WorkerReport(task, "w", "RUNNING", AT, metadata=metadata))
    await history.write("failed", "passed", task=task)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("label:repo=otto failed", ["b failed", "a failed"]),
        ("failed -label:branch=main", ["c failed", "b failed"]),
        ("label:branch passed", ["b passed", "a passed"]),
        ("(label:branch=main failed) OR (label:repo=other passed)", ["c passed", "a failed"]),
        ("label:repo=nobody", []),
    ],
)
async def test_a_search_chooses_tasks_by_labels(history: History, expression: str, expected: list[str]) -> None:
    """Anywhere in the expression; the rest is about their lines."""
    await labelled(history, "a", repo="otto", branch="main")
    await labelled(history, "b", repo="otto", branch="fix")
    await labelled(history, "c", repo="other")
    document: Any = await history.get("/search", filter=expression)
    assert [f"{hit['entry']['taskId']} {hit['entry']['message']}" for hit in document["hits"]] == expected
    assert (document["scanned"]["tasks"], document["isComplete"]) == (3, True)
