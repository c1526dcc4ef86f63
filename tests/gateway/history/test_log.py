"""GET /api/v1/log-streaming/logs/{taskId}."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import zstandard

from gateway.history.limits import HistoryLimits
from tests.support.history_server import BASE, History, history_of, messages
from tests.support.waiting import attempts

LINES = [f"line {number}" for number in range(1, 1001)]
ERRORS = [text for number, text in enumerate(LINES, 1) if number % 10 == 0]


async def write_levels(history: History) -> None:
    """A thousand lines; each tenth is an error, in a chunk of its own."""
    for start in range(0, 1000, 10):
        await history.write(*LINES[start : start + 9])
        await history.write(LINES[start + 9], level="ERROR")


async def test_pages_forwards_are_every_line_once(history: History) -> None:
    """From the first to the last, with `next`; it says when there is nothing behind."""
    await history.write(*LINES, size=70)
    seen: list[str] = []
    page: dict[str, Any] = {"next": "0", "hasNext": True}
    while page["hasNext"]:
        page = await history.page(after=page["next"], limit=99)
        seen += messages(page["entries"])
    assert seen == LINES
    first = await history.page(limit=99)
    assert (first["firstSequence"], first["lastSequence"], first["status"]) == (1, 1000, "RUNNING")
    assert (first["previous"], first["hasPrevious"], first["gaps"], first["isRestart"]) == (None, False, [], False)


@pytest.mark.parametrize(("params", "expected"), [({}, LINES), ({"level": "ERROR"}, ERRORS)])
async def test_pages_backwards_are_every_line_once(
    history: History, params: dict[str, Any], expected: list[str]
) -> None:
    """From the end, with `previous`, each page in ascending order, with a filter too."""
    await write_levels(history)
    page = await history.page(tail=7, **params)
    seen = messages(page["entries"])
    assert (len(seen), page["hasNext"]) == (7, False)
    while page["hasPrevious"]:
        page = await history.page(before=page["previous"], limit=7, **params)
        seen[:0] = messages(page["entries"])
        assert page["hasNext"]
    assert seen == expected


async def test_a_filtered_page_says_whether_there_is_more(history: History) -> None:
    """Exactly, where the search is short."""
    await write_levels(history)
    page = await history.page(level="ERROR", limit=100)
    assert (messages(page["entries"]), page["hasNext"], page["hasPrevious"]) == (ERRORS, False, False)
    page = await history.page(level="ERROR", limit=99)
    assert (messages(page["entries"]), page["hasNext"]) == (ERRORS[:99], True)
    page = await history.page(level="ERROR", limit=10, after=page["next"])
    assert (messages(page["entries"]), page["hasNext"], page["hasPrevious"]) == (ERRORS[99:], False, True)
    assert not (await history.page(level="ERROR", after=9, limit=1))["hasPrevious"]
    assert not (await history.page(level="ERROR", before=11))["hasPrevious"]


async def test_cursors_survive_new_lines(history: History) -> None:
    """What comes later is behind `next`, and nothing moves in front of `previous`."""
    await history.write(*LINES[:500])
    page = await history.page(tail=10)
    await history.write(*LINES[500:])
    assert messages((await history.page(after=page["next"], limit=1000))["entries"]) == LINES[500:]
    assert messages((await history.page(before=page["previous"], limit=5))["entries"]) == LINES[485:490]


async def test_a_cursor_of_another_life_begins_anew_and_says_so(history: History) -> None:
    """As the stream does; also one beyond the end, that this journal cannot have given out."""
    await history.write(*LINES)
    for params in ({"after": "00c0ffee-500"}, {"after": f"{history.journal.epoch}-1001"}):
        page = await history.page(limit=3, **params)
        assert (messages(page["entries"]), page["isRestart"]) == (LINES[:3], True)
    page = await history.page(limit=3, before="00c0ffee-500")
    assert (messages(page["entries"]), page["isRestart"], page["epoch"]) == (LINES[-3:], True, history.journal.epoch)
    answer = await history.http.get(f"{BASE}/logs/build?after=00c0ffee-5&format=ndjson")
    assert answer.headers["otto-restart"] == "true"


async def test_removed_lines_are_a_gap(history: History) -> None:
    """What retention took is said, and is not in front of the first page."""
    await history.write(*LINES, size=100)
    await history.journal.remove_through("build", 300, copied=1 << 60)
    page = await history.page(limit=2)
    assert page["gaps"] == [{"from": 1, "to": 300, "reason": "retention"}]
    assert (messages(page["entries"]), page["firstSequence"], page["hasPrevious"]) == (LINES[300:302], 301, False)
    page = await history.page(before=303)
    assert (messages(page["entries"]), page["previous"], page["hasPrevious"]) == (LINES[300:302], None, False)


async def test_a_page_is_bounded_in_bytes(tmp_path: Path) -> None:
    """It is shorter then, in both directions, and the pages together are all lines."""
    async with history_of(tmp_path / "otto.db", HistoryLimits(bytes_max=3000)) as history:
        await history.write(*LINES[:100], size=30)
        page = await history.page(limit=100)
        assert 10 < len(page["entries"]) < 30
        assert page["hasNext"]
        back = await history.page(tail=100)
        seen = messages(back["entries"])
        while back["hasPrevious"]:
            back = await history.page(before=back["previous"], limit=100)
            assert 0 < len(back["entries"]) < 30
            seen[:0] = messages(back["entries"])
        assert seen == LINES[:100]


async def test_a_log_comes_in_the_form_that_is_asked_for(history: History) -> None:
    """By `Accept` or `format`: lines of JSON with links, text, messages alone."""
    await history.write("작업", "two", "three", level="WARN")
    url = f"{BASE}/logs/build?limit=2&level=WARN"
    answer = await history.http.get(url, headers={"Accept": "text/html, application/x-ndjson;q=0.9, text/plain;q=0.1"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert messages([json.loads(line) for line in answer.text.splitlines()]) == ["작업", "two"]
    following = parse_qs(answer.links["next"]["url"].lstrip("?"))
    assert following == {"limit": ["2"], "level": ["WARN"], "after": [f"{history.journal.epoch}-2"]}
    assert "prev" not in answer.links
    text = await history.http.get(f"{url}&after=2", headers={"Accept": "text/plain"})
    assert text.text == "2026-01-01T00:00:00.000000000Z WARN w1 three\n"
    assert "prev" in text.links
    assert (await history.http.get(f"{url}&format=text&plain=message")).text == "작업\ntwo\n"
    refused = await history.http.get(url, headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("path", ["?limit=1000", "?download=1", "?download=1&format=ndjson", "?download=1&format=text"])
async def test_bodies_are_compressed_where_it_is_asked_for(history: History, path: str, coding: str) -> None:
    """Pages and downloads, and each is the same document as without."""
    await history.write(*LINES, size=70)
    url = f"{BASE}/logs/build{path}"
    async with history.http.stream("GET", url, headers={"Accept-Encoding": coding}) as answer:
        assert answer.headers.get("content-encoding", "identity") == coding
        body = b"".join([piece async for piece in answer.aiter_raw()])
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "zstd":
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert body == (await history.http.get(url)).content
    assert body.count(b"line ") == 1000


async def test_a_download_is_a_file_of_all_matching_lines(history: History) -> None:
    """Whatever the task is called, also with a limit, and the end is that of its beginning."""
    name = 'a/b "작업"'
    await history.write(*LINES, task=name)
    path = f"{BASE}/logs/a%2Fb%20%22%EC%9E%91%EC%97%85%22?download=1&format=text&plain=message"
    answer = await history.http.get(path)
    assert answer.text.splitlines() == LINES
    assert "filename*=UTF-8''a%2Fb%20%22%EC%9E%91%EC%97%85%22.log" in answer.headers["content-disposition"]
    assert (await history.http.get(f"{path}&limit=3")).text.splitlines() == LINES[:3]
    assert (await history.http.get(f"{path}&keywords=99")).text.splitlines() == [each for each in LINES if "99" in each]
    document = (await history.http.get(path.replace("text", "json"))).json()
    assert (messages(document["entries"]), document["lastSequence"]) == (LINES, 1000)


async def test_a_download_that_nobody_reads_stops(history: History) -> None:
    """It reads no further than the sockets' buffers take, and nothing is left of it when the client has gone."""
    await history.write(*("x" * 60_000 for _ in range(600)), size=20)
    reads = 0
    read = history.journal.read

    async def counted(*arguments: Any, **limits: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(*arguments, **limits)

    history.journal.read = counted  # type: ignore[method-assign]
    async with history.http.stream("GET", f"{BASE}/logs/build?download=1") as answer:
        pieces = answer.aiter_raw()  # kept: a dropped iterator closes the answer
        await anext(pieces)
        for _ in range(20):
            await history.page(limit=1)
        assert reads - 20 < 60  # of about 75
    before = reads
    await asyncio.sleep(0)
    await history.page(limit=1)
    assert reads - before <= 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("before=-1", "before"),
        ("after=1&before=2", "before"),
        ("after=1&tail=2", "tail"),
        ("tail=10001", "tail"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=٣", "limit"),
        ("level=LOUD", "level"),
        ("format=xml", "format"),
        ("plain=x", "plain"),
        ("download=maybe", "download"),
        ("download=1&limit=0", "limit"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_field(history: History, query: str, field: str) -> None:
    """400, and the text names what is wrong."""
    await history.write("line")
    answer = await history.http.get(f"{BASE}/logs/build?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert field in answer.json()["error"]["message"]


async def test_an_unknown_task_is_not_found(history: History) -> None:
    """404, in the one form of errors; and a token for another task is 403."""
    for path in ("/logs/nobody", "/logs/nobody?download=1"):
        answer = await history.http.get(BASE + path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    history.everyone.only = "other"
    assert (await history.http.get(f"{BASE}/logs/nobody")).status_code == 403


async def test_a_download_that_is_broken_off_gives_its_place_back(tmp_path: Path) -> None:
    """While it lasts, there is no place; the next one finds it free."""
    async with history_of(tmp_path / "otto.db", HistoryLimits(scans_max=1)) as history:
        await history.write(*("x" * 60_000 for _ in range(600)), size=100)
        async with history.http.stream("GET", f"{BASE}/logs/build?download=1") as answer:
            pieces = answer.aiter_raw()  # kept: a dropped iterator closes the answer
            await anext(pieces)
            assert (await history.http.get(f"{BASE}/logs/build/counts")).status_code == 429
        async for _ in attempts("the download has given its place back"):
            if (await history.http.get(f"{BASE}/logs/build/counts")).status_code == 200:
                break
