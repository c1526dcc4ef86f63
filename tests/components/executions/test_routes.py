"""Node executions, script records and summaries over HTTP."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.executions.routes import NODE_EXECUTION_PATH, body_bytes_max, execution_routes
from components.executions.script_routes import script_routes
from components.executions.tables import ExecutionStore
from gateway.auth import AuthSettings, TokenAuthenticator
from gateway.errors import ApiError
from gateway.http.application import http_application
from gateway.http.json_bodies import BodyBudget
from tests.support.http_server import serve
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.waiting import time_limit

NODE = NODE_EXECUTION_PATH
RECORD, SUMMARY = "/api/scripts/{}/execution-record", "/api/dashboard/execution-summary"
VALUE_BYTES = (1 << 20) + 4096


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """One on an open gateway, one on the same store where tokens are needed."""
    store = await ExecutionStore.open(tmp_path / "a.db", durability="process", lock_seconds_max=0.2)
    async with time_limit("the test ends"):
        apps = []
        for settings in (AuthSettings(), AuthSettings(jwt_secret=SECRET)):
            routes = TokenAuthenticator(settings)
            apps.append(
                http_application(
                    [*execution_routes(store, routes, value_bytes_max=VALUE_BYTES), *script_routes(store, routes)],
                    body_bytes_max_of={NODE: body_bytes_max(VALUE_BYTES)},
                )
            )
        async with (
            serve(apps[0]) as url,
            serve(apps[1]) as closed_url,
            httpx2.AsyncClient(base_url=url) as client,
            httpx2.AsyncClient(base_url=closed_url) as closed,
        ):
            yield client, closed
    await store.close()


@pytest.fixture
def client(clients: tuple[httpx2.AsyncClient, httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return clients[0]


@pytest.fixture
def closed(clients: tuple[httpx2.AsyncClient, httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return clients[1]


def report(status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"execution_id": "e", "script_id": "s", "node_id": "n", "status": status, "started_at": 5, **fields}


async def test_a_run_is_reported_read_and_deleted(client: httpx2.AsyncClient) -> None:
    """With the columns by their names, parameters and result as JSON."""
    full = {"node_type": "http", "node_name": "요청", "parameters": {"가": [1, None]}, "finished_at": 7.5}
    answer = await client.post(NODE, json=report("running", **full))
    assert answer.json() == {"success": True, "log_id": 1}
    await client.post(NODE, json=report("failed", finished_at=7.5, error_message="x", error_traceback="y\n", result=0))
    assert (await client.get("/api/logs/stats")).json() == {
        "total": 1,
        "completed": 0,
        "failed": 1,
        "average_execution_time": 2.5,
    }
    row = report("failed", **full, id=1, execution_time_ms=2.5, result=0, error_message="x", error_traceback="y\n")
    assert (await client.get(NODE, params={"status": "failed", "limit": ""})).json() == {"logs": [row]}
    assert (await client.get(NODE, params={"execution_id": "other"})).content == b'{"logs":[]}'
    assert (await client.delete(NODE, params={"script_id": "s"})).json() == {"success": True, "deleted": 1}
    assert (await client.get("/api/logs/stats")).json()["total"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"execution_id": ["e"]}, "execution_id"),
        ({"node_id": "a\nb"}, "node_id"),
        ({"node_id": "x" * 257}, "node_id"),
        ({"script_id": ["s"]}, "script_id"),
        ({"status": "done"}, "status"),
        ({"started_at": "soon"}, "started_at"),
        ({"finished_at": "2026-01-32T00:00:00Z"}, "finished_at"),
        ({"started_at": 1e300}, "started_at"),
        ({"finished_at": True}, "finished_at"),
        ({"execution_time_ms": -1}, "execution_time_ms"),
        ({"error_message": {}}, "error_message"),
    ],
)
async def test_a_wrong_report_is_answered_with_the_field(
    client: httpx2.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    """400, and nothing is stored."""
    answer = await client.post(NODE, json=report() | changes)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert field in answer.json()["error"]["message"]
    assert (await client.get(NODE)).json() == {"logs": []}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 5000, b'{"status": "\xff"}'])
async def test_what_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    """400, everywhere."""
    for path in (NODE, RECORD.format("s"), SUMMARY):
        answer = await client.post(path, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_ARGUMENT")


async def test_a_mebibyte_is_taken_and_more_is_not(client: httpx2.AsyncClient) -> None:
    """Of parameters and of result each; what is too large is named with its limit, or refused before it is read."""
    large = {"data": "x" * (1 << 20)}
    assert (await client.post(NODE, json=report(parameters=large, result=large))).status_code == 200
    (row,) = (await client.get(NODE)).json()["logs"]
    assert row["parameters"] == row["result"] == large
    for fields, field in (({"result": "x" * VALUE_BYTES}, "result"), ({"parameters": "x" * (4 << 20)}, None)):
        answer = await client.post(NODE, json=report(**fields))
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error.get("field")) == (413, "PAYLOAD_TOO_LARGE", field)
        assert "bytes" in error["message"]


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("GET", {"limit": "0"}, "limit"),
        ("GET", {"limit": "1001"}, "limit"),
        ("GET", {"offset": "-1"}, "offset"),
        ("GET", {"status": "done"}, "status"),
        ("DELETE", {}, "execution_id"),
        ("DELETE", {"execution_id": "", "status": "failed"}, "execution_id"),
        ("DELETE", {"status": "failed", "limit": "5"}, "limit"),
    ],
)
async def test_a_wrong_query_is_answered_with_the_field(
    client: httpx2.AsyncClient, method: str, params: dict[str, str], field: str
) -> None:
    """Deleting never means more than was said."""
    await client.post(NODE, json=report("failed"))
    answer = await client.request(method, NODE, params=params)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert len((await client.get(NODE)).json()["logs"]) == 1


async def test_scripts_and_summaries_add_up_on_the_dashboard(client: httpx2.AsyncClient) -> None:
    """A script's id may have a slash in it."""
    body = {"status": "error", "error_message": "x", "execution_time_ms": 12}
    recorded = await client.post(RECORD.format("a%2Fb"), json=body)
    assert recorded.json() == {"success": True, "message": "스크립트 실행 기록이 저장되었습니다."}
    summarised = await client.post(SUMMARY, json={"total_executions": 4, "failed_count": 1})
    assert summarised.json() == {"success": True, "message": "실행 요약 정보가 저장되었습니다."}
    assert (await client.get("/api/dashboard/stats")).json() == {"all_executions": 4, "all_failed_scripts": 1}
    for path, wrong, field in (
        (RECORD.format("s"), {"status": "failed"}, "status"),
        (SUMMARY, {"total_executions": 1, "failed_count": 2}, "failed_count"),
        (SUMMARY, {"total_executions": -1, "failed_count": 0}, "total_executions"),
        (RECORD.format("%00"), {"status": "error"}, "script_id"),
    ):
        answer = await client.post(path, json=wrong)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_token_covers_scripts(closed: httpx2.AsyncClient) -> None:
    """By its ``tasks``, and with the scope; what is not of one script needs a token without limits."""
    both = ("logs:read", "logs:write")
    mine = bearer(make_token(scopes=both, tasks=["s*"]))
    reader = bearer(make_token(scopes=["logs:read"]))
    summary = {"total_executions": 1, "failed_count": 0}
    for headers, method, path, options, status in (
        ({}, "POST", NODE, {"json": report()}, 401),
        (reader, "POST", NODE, {"json": report()}, 403),
        (mine, "POST", NODE, {"json": report()}, 200),
        (mine, "POST", NODE, {"json": report(script_id="other")}, 403),
        (mine, "POST", NODE, {"json": report(script_id=None)}, 403),
        (mine, "GET", NODE, {"params": {"script_id": "s"}}, 200),
        (mine, "GET", NODE, {}, 403),
        (reader, "GET", NODE, {}, 200),
        (mine, "DELETE", NODE, {"params": {"execution_id": "e"}}, 403),
        (mine, "POST", RECORD.format("s1"), {"json": {"status": "success"}}, 200),
        (mine, "POST", RECORD.format("other"), {"json": {"status": "success"}}, 403),
        (mine, "POST", SUMMARY, {"json": summary}, 403),
        (mine, "GET", "/api/logs/stats", {}, 403),
        (reader, "GET", "/api/dashboard/stats", {}, 200),
    ):
        answer = await closed.request(method, path, headers=headers, **options)
        assert answer.status_code == status, (method, path, options, answer.text)


async def test_rows_of_other_programs_are_served(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    """Values that are no JSON as texts, bytes that are not UTF-8 as U+FFFD."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute(
            "INSERT INTO node_execution_logs (execution_id, node_id, status, started_at, parameters, result,"
            " error_message) VALUES ('e', 'n', 'odd', '2025-01-01', '{cut', X'FF', CAST(X'61FF' AS TEXT))"
        )
    (row,) = (await client.get(NODE)).json()["logs"]
    assert (row["status"], row["started_at"], row["parameters"]) == ("odd", "2025-01-01", "{cut")
    assert (row["result"], row["error_message"]) == ("\ufffd", "a\ufffd")


async def test_a_locked_database_is_a_503(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    """With a time to come back, and without the file's path."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        answer = await client.post(NODE, json=report())
        connection.execute("ROLLBACK")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert "a.db" not in answer.text


def test_bodies_have_a_budget() -> None:
    """Over all requests; what was given back can be taken again."""
    budget = BodyBudget(10)
    budget.take(6)
    with pytest.raises(ApiError, match="try again"):
        budget.take(6)
    budget.give_back(6)
    budget.take(10)
