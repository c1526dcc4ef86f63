"""GET /api/automation/logs."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import HTTPConnection

from gateway.errors import ApiError
from gateway.http.application import http_application
from gateway.polling.routes import polling_routes
from storage.polling import Page, PollingSink, PollingTable
from tests.support.http_server import serve
from tests.support.job_logs import sqlite
from tests.support.record_list import RecordList
from tests.support.waiting import attempts

LOGS = "/api/automation/logs"


class Everyone:
    """No credentials are configured; or, with ``only``, a token for one task."""

    def __init__(self, only: str | None = None) -> None:
        self.only = only

    async def principal_of(self, connection: HTTPConnection) -> "Everyone":
        return self

    def require(self, scope: str, *, task_id: str | None = None) -> None:
        assert scope == "logs:read"
        if self.only not in (None, task_id):
            raise ApiError("PERMISSION_DENIED", f"the token is not for task {task_id!r}")


@asynccontextmanager
async def _client(path: Path, only: str | None = None) -> AsyncIterator[tuple[httpx2.AsyncClient, PollingTable]]:
    table = await PollingTable.open(path)
    app = http_application(polling_routes(table, Everyone(only)))
    async with serve(app) as url, httpx2.AsyncClient(base_url=url, headers={"Accept-Encoding": "identity"}) as client:
        yield client, table
    await table.close()


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    return tmp_path / "polling.db"


@pytest.fixture
async def client(database: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(database) as (opened, _):
        yield opened


def _insert(database: Path, job_id: str, *texts: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        values = [(job_id, text, "2025-01-02 03:04:05") for text in texts]
        connection.executemany("INSERT INTO job_logs (job_id, log_message, created_at) VALUES (?, ?, ?)", values)


async def test_a_jobs_rows_come_as_they_are_stored(client: httpx2.AsyncClient, database: Path) -> None:
    """All of them, ascending by id, the columns by their names; rows of other jobs are not among them."""
    _insert(database, "a", '한국어 "quoted" \\ \n\x1b[1m\0end')
    _insert(database, "b", "x")
    _insert(database, "a", "2")
    answer = await client.get(LOGS, params={"jobId": "a"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "logs": [
            {
                "id": 1,
                "job_id": "a",
                "log_message": '한국어 "quoted" \\ \n\x1b[1m\0end',
                "created_at": "2025-01-02 03:04:05",
            },
            {"id": 3, "job_id": "a", "log_message": "2", "created_at": "2025-01-02 03:04:05"},
        ]
    }
    assert list(answer.json()["logs"][0]) == ["id", "job_id", "log_message", "created_at"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_rows_come_in_the_order_of_their_ids_whatever_their_times(
    client: httpx2.AsyncClient, database: Path, limit: int
) -> None:
    """Clocks differ and are set back; pages by ``afterId`` are the whole log all the same, each row once."""
    times = ["2025-01-09", "2025-01-08", None, "2025-01-09", "1970-01-01", "soon", "2030-01-01", "2025-01-01"]
    with closing(sqlite3.connect(database)) as connection, connection:
        values = [(job, time) for time in times for job in ("a", "b")]
        connection.executemany("INSERT INTO job_logs (job_id, log_message, created_at) VALUES (?, 'x', ?)", values)
    found: list[tuple[int, str | None]] = []
    while rows := (
        await client.get(LOGS, params={"jobId": "a", "afterId": found[-1][0] if found else 0, "limit": limit})
    ).json()["logs"]:
        found += [(row["id"], row["created_at"]) for row in rows]
    assert found == list(zip(range(1, 17, 2), times, strict=True))


async def test_an_unknown_job_has_no_rows(client: httpx2.AsyncClient) -> None:
    """It is no error, and the automation queue's form answers in the same way while no task has rows there."""
    for params in ({"jobId": "nobody"}, {"taskId": "nobody"}, {"jobId": "nobody", "taskId": "x", "unknown": "y"}):
        answer = await client.get(LOGS, params=params)
        assert (answer.status_code, answer.content) == (200, b'{"logs":[]}')


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "jobId"),
        ({"jobId": ""}, "jobId"),
        ({"jobId": "a\nb"}, "jobId"),
        ({"taskId": "x" * 257}, "taskId"),
        ({"jobId": "a", "afterId": "-1"}, "afterId"),
        ({"jobId": "a", "afterId": "٣"}, "afterId"),
        ({"jobId": "a", "afterId": "9" * 19}, "afterId"),
        ({"jobId": "a", "limit": "0"}, "limit"),
        ({"jobId": "a", "limit": "many"}, "limit"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_field(
    client: httpx2.AsyncClient, params: dict[str, str], field: str
) -> None:
    """400, and the text says what would be right."""
    answer = await client.get(LOGS, params=params)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)
    assert field in error["message"]


async def test_after_id_and_limit_walk_through_a_log(client: httpx2.AsyncClient, database: Path) -> None:
    """Each request continues after the last id of the one before, without holes or repetitions."""
    _insert(database, "a", *range(10))
    seen: list[str] = []
    after = 0
    while logs := (await client.get(LOGS, params={"jobId": "a", "afterId": after, "limit": 3})).json()["logs"]:
        assert len(logs) <= 3
        seen += [row["log_message"] for row in logs]
        after = logs[-1]["id"]
    assert seen == [str(number) for number in range(10)]


async def test_a_poll_with_nothing_new_is_a_304(client: httpx2.AsyncClient, database: Path) -> None:
    """The tag stays until a row comes, the last one changes, or retention removes the first."""
    _insert(database, "a", "1", "2")
    tags = []
    changes = (
        None,
        "INSERT INTO job_logs (job_id, log_message) VALUES ('a', '3')",
        "UPDATE job_logs SET log_message = '50 %' WHERE id = 3",
        "DELETE FROM job_logs WHERE id = 1",
    )
    for change in changes:
        if change:
            await asyncio.to_thread(sqlite, database, change)
        answer = await client.get(LOGS, params={"jobId": "a"}, headers={"If-None-Match": ", ".join(tags)})
        assert answer.status_code == 200
        tags.append(answer.headers["etag"])
        again = await client.get(LOGS, params={"jobId": "a"}, headers={"If-None-Match": tags[-1].removeprefix("W/")})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tags[-1])
    assert len(set(tags)) == 4


async def test_rows_of_other_programs_need_not_be_text(client: httpx2.AsyncClient, database: Path) -> None:
    """Bytes that are no UTF-8 are replaced, numbers and nothing stay what they are."""
    sqlite(
        database,
        """INSERT INTO job_logs (job_id, log_message, created_at) VALUES
        ('a', CAST(x'b0a1ff' AS TEXT), NULL), ('a', x'6f6bff', 17), ('a', '', '')""",
    )
    logs = (await client.get(LOGS, params={"jobId": "a"})).json()["logs"]
    assert [row["log_message"] for row in logs] == ["\ufffd\ufffd\ufffd", "ok\ufffd", ""]
    assert [row["created_at"] for row in logs] == [None, 17, ""]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_long_log_is_sent_in_pages(database: Path, coding: str) -> None:
    """Thousands of rows, some of them large, with rows that come meanwhile left for the next poll."""
    texts = [f"{number} " + "x" * (60_000 if number % 500 == 0 else 20) for number in range(7000)]
    async with _client(database) as (client, _):
        _insert(database, "a", *texts)
        params = {"jobId": "a"}
        async with client.stream("GET", LOGS, params=params, headers={"Accept-Encoding": coding}) as answer:
            assert answer.headers.get("content-encoding", "identity") == coding
            assert "content-length" not in answer.headers
            chunks = answer.aiter_bytes()
            body = await anext(chunks)
            _insert(database, "a", "came later")
            body += b"".join([chunk async for chunk in chunks])
        assert [row["log_message"] for row in json.loads(body)["logs"]] == texts
        limited = await client.get(LOGS, params={"jobId": "a", "limit": 4321})
        assert [row["log_message"] for row in limited.json()["logs"]] == texts[:4321]


async def test_a_page_is_bounded_in_rows_and_bytes(database: Path) -> None:
    """Large rows make small pages, and a row larger than the limit makes one of its own."""
    async with _client(database) as (_, table):
        _insert(database, "a", *("x" * 1000 for _ in range(20)), "y" * 9000, "z")
        counts, after = [], 0
        while (page := await table.page("a", after, 22, rows_max=7, bytes_max=4000)).count:
            counts.append(page.count)
            after = page.last
        assert counts == [4, 4, 4, 4, 4, 1, 1] or sum(counts) == 22
        assert max(counts) <= 7


async def test_a_short_answer_is_compressed_where_it_pays(client: httpx2.AsyncClient, database: Path) -> None:
    """A few rows are sent as they are, and a client that refuses gzip gets none."""
    _insert(database, "short", "x")
    _insert(database, "long", *("line " * 20 for _ in range(50)))
    sizes = {}
    for job, accept in (("short", "gzip"), ("long", "gzip"), ("long", "br, gzip;q=0"), ("long", "gzip;q=0.5")):
        answer = await client.get(LOGS, params={"jobId": job}, headers={"Accept-Encoding": accept})
        sizes[job, accept] = (answer.headers.get("content-encoding"), len(answer.json()["logs"]))
    assert sizes == {
        ("short", "gzip"): (None, 1),
        ("long", "gzip"): ("gzip", 50),
        ("long", "br, gzip;q=0"): (None, 50),
        ("long", "gzip;q=0.5"): ("gzip", 50),
    }


async def test_head_tells_what_get_would(client: httpx2.AsyncClient, database: Path) -> None:
    """Without a body, however long the log is."""
    _insert(database, "a", *range(5000))
    answer = await client.head(LOGS, params={"jobId": "a"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == (await client.get(LOGS, params={"jobId": "a", "limit": 1})).headers["etag"]


async def test_a_token_opens_the_logs_it_names(database: Path) -> None:
    """Another job's log, in either form, is refused."""
    async with _client(database, only="mine") as (client, _):
        answers = [
            (await client.get(LOGS, params=params)).status_code
            for params in (
                {"jobId": "mine"},
                {"jobId": "other"},
                {"taskId": "other"},
                {"jobId": "other", "taskId": "mine"},
            )
        ]
    assert answers == [200, 403, 403, 403]


async def test_a_database_that_cannot_be_read_is_a_503(database: Path) -> None:
    """With the reason, and when to come back."""
    async with _client(database) as (client, _):
        _insert(database, "a", "x")
        sqlite(database, "DROP TABLE job_logs")
        answer = await client.get(LOGS, params={"jobId": "a"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "polling.db" not in answer.json()["error"]["message"]


async def test_an_answer_that_cannot_be_finished_is_broken_off(database: Path) -> None:
    """A log cut short never looks like a whole one."""
    async with _client(database) as (client, _):
        _insert(database, "a", *("x" * 2000 for _ in range(10_000)))
        async with client.stream("GET", LOGS, params={"jobId": "a"}) as answer:
            sqlite(database, "DROP TABLE job_logs")
            with pytest.raises(httpx2.RemoteProtocolError):
                await answer.aread()


async def test_a_client_that_does_not_read_holds_one_page(database: Path) -> None:
    """The answer is read from the table as the client takes it, and another client is served meanwhile."""
    pages = 0
    async with _client(database) as (client, table):
        _insert(database, "a", *("x" * 60_000 for _ in range(500)))
        page = table.page

        async def counted(*arguments: Any, **limits: Any) -> Page:
            nonlocal pages
            pages += 1
            return await page(*arguments, **limits)

        table.page = counted  # type: ignore[method-assign]
        async with client.stream("GET", LOGS, params={"jobId": "a"}) as answer:
            for _ in range(20):
                assert (await client.get(LOGS, params={"jobId": "b"})).status_code == 200
            assert pages < 60  # of about 100: what the sockets' buffers take
            assert len(await answer.aread()) > 30_000_000


async def _old_ui(client: httpx2.AsyncClient, job_id: str) -> list[dict[str, Any]]:
    """What the old UI does: ask again and again, until the last message contains 작업 완료."""
    async for _ in attempts("the log says that the job is over"):
        logs: list[dict[str, Any]] = (await client.get(LOGS, params={"jobId": job_id})).json()["logs"]
        if logs and "작업 완료" in logs[-1]["log_message"]:
            return logs
    raise AssertionError


async def test_the_old_ui_sees_every_line_and_stops_at_the_end(database: Path) -> None:
    """While the task runs and the sink copies, and although no line of the task says that it is complete."""
    journal = RecordList()
    async with _client(database) as (client, table):
        sink = PollingSink(journal, table, linger_seconds=0.001, closing_delay_seconds=0.01)
        await sink.start()
        ui = asyncio.create_task(_old_ui(client, "build"))
        for number in range(30):
            journal.add("build", *(f"{number}.{index}" for index in range(10)))
            sink.wake()
            await asyncio.sleep(0)
        journal.end("build")
        sink.wake()
        logs = await ui
        await sink.close()
    expected = [f"{number}.{index}" for number in range(30) for index in range(10)]
    assert [row["log_message"] for row in logs] == [*expected, "🎉 작업 완료"]
