"""GET /api/v1/log-streaming/search."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.history.limits import HistoryLimits
from gateway.history.scans import Scans
from tests.support.history_server import BASE, History, history_of, messages

SSE = {"Accept": "text/event-stream"}


async def write(history: History) -> None:
    """Three tasks of 50 lines; each tenth has a needle."""
    for task in ("a", "b", "c"):
        lines = [f"{task}{n} {'Needle' if n % 10 == 0 else 'hay'}" for n in range(1, 51)]
        await history.write(*lines, task=task, size=8)


EXPECTED = [f"{task}{n} Needle" for task in "cba" for n in (50, 40, 30, 20, 10)]


def found(document: dict[str, Any]) -> list[str]:
    return messages([hit["entry"] for hit in document["hits"]])


async def test_hits_are_the_newest_first(history: History) -> None:
    """Of all tasks, with counts and what was looked at; filters apply."""
    await write(history)
    document = await history.get("/search", q="needle")
    assert found(document) == EXPECTED
    assert document["tasks"] == [{"taskId": task, "count": 5} for task in "cba"]
    assert (document["scanned"], document["isComplete"]) == ({"tasks": 3, "lines": 150}, True)
    assert document["next"] is None
    assert found(await history.get("/search", q="needle", keywords="b3,b4")) == ["b40 Needle", "b30 Needle"]
    assert found(await history.get("/search", q="nothing of it")) == []


@pytest.mark.parametrize("limit", [1, 4, 5, 15])
async def test_pages_are_every_hit_once(history: History, limit: int) -> None:
    """Also while lines arrive, which are for the next search."""
    await write(history)
    seen: list[str] = []
    params: dict[str, Any] = {"q": "needle", "limit": limit}
    while True:
        document = await history.get("/search", **params)
        seen += found(document)
        await history.write("Needle too late", task="a")
        if document["next"] is None:
            break
        params["cursor"] = document["next"]
    assert seen == EXPECTED


async def test_a_hit_has_lines_around_it(history: History) -> None:
    """As many as there are, whether they match or not."""
    await write(history)
    document = await history.get("/search", q="a50", context=2)
    (hit,) = document["hits"]
    assert (messages(hit["before"]), messages(hit["after"])) == (["a48 hay", "a49 hay"], [])
    (hit,) = (await history.get("/search", q="a1 ", context=1))["hits"]
    assert (messages(hit["before"]), messages(hit["after"])) == ([], ["a2 hay"])


async def test_only_tasks_that_the_token_covers_are_searched(history: History) -> None:
    """Others are not counted either."""
    await write(history)
    history.everyone.only = "b"
    document = await history.get("/search", q="needle")
    assert (found(document), document["scanned"]["tasks"]) == (EXPECTED[5:10], 1)


async def test_hits_come_as_they_are_found(tmp_path: Path) -> None:
    """As events, with the totals at the end; a search whose time is over says from where to continue."""
    async with history_of(tmp_path / "otto.db") as history:
        await write(history)
        answer = await history.http.get(f"{BASE}/search?q=needle", headers=SSE)
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [block.split("\n") for block in answer.text.split("\n\n") if block.startswith("event:")]
        hits = [json.loads(data[6:])["entry"] for name, data in events if name == "event: hit"]
        assert messages(hits) == EXPECTED
        name, data = events[-1]
        assert (name, json.loads(data[6:])["isComplete"]) == ("event: complete", True)
    async with history_of(tmp_path / "otto.db", HistoryLimits(seconds_max=0)) as history:
        document = await history.get("/search", q="needle")
        assert (document["hits"], document["isComplete"]) == ([], False)
        assert document["next"].startswith(f"{history.journal.epoch}-")


async def test_a_client_that_goes_away_stops_the_search(history: History) -> None:
    """Its place is free again, and the journal is asked no more."""
    for number in range(300):
        history.journal.append(history.batch("Needle", task=f"task-{number}"))
    await history.write("Needle", task="last")
    steps = 0
    step = history.journal.tail_step

    async def counted(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return await step(*arguments)

    history.journal.tail_step = counted  # type: ignore[method-assign]
    async with history.http.stream("GET", f"{BASE}/search?q=needle&limit=1000", headers=SSE) as answer:
        await anext(answer.aiter_raw())
    await history.page("last")
    await history.page("last")
    before = steps
    await history.page("last")
    assert steps == before < 300


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=x&filter=(a", "filter"),
        (f"q={'x' * 257}", "q"),
        ("q=x&limit=0", "limit"),
        ("q=x&limit=1001", "limit"),
        ("q=x&context=21", "context"),
        ("q=x&cursor=1", "cursor"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_field(history: History, query: str, field: str) -> None:
    """400."""
    answer = await history.http.get(f"{BASE}/search?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_there_are_no_more_scans_than_places(tmp_path: Path) -> None:
    """The next is refused, with when to come back."""
    async with history_of(tmp_path / "otto.db", HistoryLimits(scans_max=0)) as history:
        await history.write("line")
        for path in ("/search?q=x", "/logs/build/counts", "/logs/build/matches?q=x", "/logs/build?download=1"):
            answer = await history.http.get(BASE + path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RESOURCE_EXHAUSTED")
            assert int(answer.headers["retry-after"]) > 0


async def test_an_answer_has_no_more_bytes_than_its_limit(tmp_path: Path) -> None:
    """Hits and the lines around them together; what does not fit is on the next page, and nothing is left out."""
    async with history_of(tmp_path / "otto.db", HistoryLimits(bytes_max=200_000)) as history:
        await history.write(*(f"needle {n} " + "x" * 20_000 for n in range(30)), size=7)
        seen: list[str] = []
        params: dict[str, Any] = {"q": "needle", "limit": 400, "context": 2}
        while True:
            answer = await history.http.get(f"{BASE}/search", params=params)
            assert len(answer.content) < 200_000 + 6 * 21_000
            document = answer.json()
            seen += found(document)
            if document["next"] is None:
                break
            assert document["isComplete"] is False
            params["cursor"] = document["next"]
    assert [int(text.split()[1]) for text in seen] == [*range(29, -1, -1)]


async def test_a_hit_has_as_many_bytes_around_it_as_a_hit_may(history: History) -> None:
    """The nearest lines, whole; a line more would be too much."""
    await history.write(*(f"{n} " + "x" * 20_000 for n in range(40)))
    document = await history.get("/search", q="20 x", context=20)
    (hit,) = document["hits"]
    assert [text.split()[0] for text in messages(hit["before"])] == ["17", "18", "19"]
    assert [text.split()[0] for text in messages(hit["after"])] == ["21", "22", "23"]


def counted(calls: Counter[str], name: str, do: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **rest: Any) -> Any:
        calls[name] += 1
        return await do(*arguments, **rest)

    return call


async def test_a_search_looks_through_all_tasks_once(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pages, and each step looks into many of them: what a search costs is not a step a task."""
    for number in range(600):
        history.journal.append(history.batch("hay", task=f"task-{number}"))
    await history.write("needle", task="last")
    calls: Counter[str] = Counter()
    for name in ("newest_tasks", "without_match", "tail_step", "read"):
        monkeypatch.setattr(history.journal, name, counted(calls, name, getattr(history.journal, name)))
    document = await history.get("/search", q="needle")
    assert (document["scanned"], len(document["hits"])) == ({"tasks": 601, "lines": 601}, 1)
    assert calls["newest_tasks"] == 3
    assert calls.total() < 60


@pytest.mark.parametrize("path", ["/search?q=x", "/logs/build/counts?keywords=x", "/logs/build/matches?q=x"])
async def test_a_request_whose_client_has_gone_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Its place is free, and the journal is read no more for it."""
    async with history_of(tmp_path / "otto.db", HistoryLimits(scans_max=1)) as history:
        await history.write("x")
        begun, ended = asyncio.Event(), asyncio.Event()

        async def hang(*_: Any, **__: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with monkeypatch.context() as patch:
            for name in ("tail_step", "count_by_level", "read"):
                patch.setattr(history.journal, name, hang)
            asking = asyncio.create_task(history.http.get(BASE + path))
            await begun.wait()
            assert (await history.http.get(BASE + path)).status_code == 429
            asking.cancel()
            await ended.wait()
        assert (await history.http.get(BASE + path)).status_code == 200


def test_places_for_scans_are_of_each_principal() -> None:
    """Who has taken all of his own takes none of another's."""
    scans = Scans(2)
    with scans.of("greedy").place(), scans.of("greedy").place():
        with pytest.raises(ApiError, match="HISTORY_SCANS_MAX"):
            scans.of("greedy").check()
        scans.of("modest").check()
    scans.of("greedy").check()
