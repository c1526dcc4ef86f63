"""Every HTTP endpoint and everything that may be shown at it: the table is the whole of it, a missing row a failure."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.app import Gateway
from gateway.grpc_server.status import GrpcStatus
from gateway.settings.model import Settings
from gateway.viewer.built_files import INDEX, built_files
from tests.support.credentials import BAD, KINDS, OURS, credential
from tests.support.signed_tokens import SECRET, bearer

pytestmark = pytest.mark.xdist_group("security doors")

ENDLESS = ("/progress", "/updates")
"""Streams that do not end by themselves."""
CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
Answers = dict[str, int]


def answers(bad: int, wrong_scope: int, other_task: int, right: int) -> Answers:
    return dict.fromkeys(BAD, bad) | {"wrong scope": wrong_scope, "other task": other_task, "right": right}


READS = answers(401, 403, 403, 200)
OFF = answers(401, 403, 403, 503)
"""Batch jobs, for which this gateway has no credentials of Naver, and alerts, for which it has no rules."""
NO_QUEUE = answers(401, 403, 403, 404)
"""The automation queue, which is off here, and a task that is not there."""
OPEN = answers(200, 200, 200, 200)


@dataclass(frozen=True)
class Door:
    answers: Answers
    url: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    scope: str = "logs:read"
    is_for_all: bool = False
    """Whether the right token is one that covers everything."""

    def credential(self, kind: str) -> str | None:
        return credential(kind, scope=self.scope, tasks=None if self.is_for_all else (OURS,))


LIVE = "/api/v1/log-streaming"
RUNS = "/api/logs/node-execution"
PAGES_OF_ONE = (("/logs", "task_id"), ("/executions", "execution_id"), ("/automation", "task_id"))
RUN = {"execution_id": "1", "node_id": "1", "script_id": OURS, "status": "running"}
ALERTS = "/api/v1/alerts"
OTLP = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "otto.task_id", "value": {"stringValue": "elsewhere"}}]},
            "scopeLogs": [{"logRecords": [{"body": {"stringValue": "a line"}}]}],
        }
    ]
}
DOORS = {
    ("GET", f"{LIVE}/logs/{{task_id}}/stream"): Door(READS, f"{LIVE}/logs/{OURS}/stream"),
    ("GET", f"{LIVE}/tasks/{{task_id}}/masks"): Door(READS, f"{LIVE}/tasks/{OURS}/masks"),
    ("POST", f"{LIVE}/tasks/{{task_id}}/masks"): Door(
        READS, f"{LIVE}/tasks/{OURS}/masks", {"json": {"values": ["a secret"]}}, scope="logs:write"
    ),
    ("GET", f"{LIVE}/logs/{{task_id}}"): Door(READS, f"{LIVE}/logs/{OURS}"),
    ("GET", f"{LIVE}/logs/{{task_id}}/counts"): Door(READS, f"{LIVE}/logs/{OURS}/counts"),
    ("GET", f"{LIVE}/logs/{{task_id}}/matches"): Door(READS, f"{LIVE}/logs/{OURS}/matches?q=line"),
    ("GET", f"{LIVE}/logs/{{task_id}}/summary"): Door(READS, f"{LIVE}/logs/{OURS}/summary"),
    ("GET", f"{LIVE}/logs/{{task_id}}/comparison"): Door(READS, f"{LIVE}/logs/{OURS}/comparison"),
    ("POST", "/mcp"): Door(answers(401, 403, 404, 404), options={"json": {}}),  # off here
    **{
        (method, "/api/v1/ingest/{task_id}"): Door(
            READS, "/api/v1/ingest/elsewhere", {"content": b"a line"}, scope="logs:write", is_for_all=True
        )
        for method in ("POST", "PUT")
    },
    ("POST", "/v1/logs"): Door(READS, options={"json": OTLP}, scope="logs:write", is_for_all=True),
    ("GET", f"{ALERTS}/incidents/{{incident_id}}/notifications"): Door(
        OFF, f"{ALERTS}/incidents/1/notifications", is_for_all=True
    ),
    **{("GET", f"{ALERTS}/{path}"): Door(OFF, is_for_all=True) for path in ("incidents", "rules", "maintenance")},
    ("GET", f"{ALERTS}/tasks"): Door(answers(401, 403, 503, 503)),
    ("GET", f"{ALERTS}/tasks/{{task_id}}/incidents"): Door(OFF, f"{ALERTS}/tasks/{OURS}/incidents"),
    ("DELETE", f"{ALERTS}/maintenance/{{name}}"): Door(
        OFF, f"{ALERTS}/maintenance/one", scope="alerts:write", is_for_all=True
    ),
    ("GET", f"{ALERTS}/undelivered"): Door(OFF, scope="alerts:write", is_for_all=True),
    ("DELETE", f"{ALERTS}/rules/{{name}}"): Door(OFF, f"{ALERTS}/rules/one", scope="alerts:write", is_for_all=True),
    **{
        ("POST", f"{ALERTS}/{path}"): Door(
            OFF,
            f"{ALERTS}/{path.replace('{incident_id}', '1').replace('{target}', 'team')}",
            scope="alerts:write",
            is_for_all=True,
            options={"json": {}},
        )
        for path in (
            "rules",
            "maintenance",
            "preview",
            "incidents/{incident_id}/resolve",
            "incidents/{incident_id}/mute",
            "targets/{target}/test",
        )
    },
    ("DELETE", "/api/v1/tasks/{task_id}"): Door(
        NO_QUEUE, "/api/v1/tasks/unknown", scope="tasks:write", is_for_all=True
    ),
    **{
        (method, "/api/v1/tasks/{task_id}/pin"): Door(READS, f"/api/v1/tasks/{OURS}/pin", scope="tasks:write")
        for method in ("POST", "DELETE")
    },
    ("GET", f"{LIVE}/search"): Door(answers(401, 403, 200, 200), f"{LIVE}/search?q=nothing"),
    ("GET", f"{LIVE}/tasks"): Door(answers(401, 403, 200, 200)),
    ("GET", f"{LIVE}/pipelines/{{pipeline_id}}/progress"): Door(READS, f"{LIVE}/pipelines/{OURS}/progress"),
    ("GET", f"{LIVE}/pipelines/{{pipeline_id}}/stages"): Door(READS, f"{LIVE}/pipelines/{OURS}/stages"),
    ("GET", "/api/automation/logs"): Door(READS, f"/api/automation/logs?jobId={OURS}"),
    ("POST", "/api/automation/tasks"): Door(
        NO_QUEUE, options={"json": {"title": "1", "type": "product"}}, scope="logs:write", is_for_all=True
    ),
    ("GET", "/api/automation/tasks"): Door(answers(401, 403, 404, 404)),
    ("GET", "/api/automation/tasks/{task_id}"): Door(NO_QUEUE, f"/api/automation/tasks/{OURS}"),
    ("DELETE", "/api/automation/tasks/{task_id}"): Door(NO_QUEUE, f"/api/automation/tasks/{OURS}", scope="logs:write"),
    ("POST", "/api/automation/tasks/{task_id}/retry"): Door(
        NO_QUEUE, f"/api/automation/tasks/{OURS}/retry", scope="logs:write"
    ),
    ("POST", "/api/automation/stop"): Door(NO_QUEUE, options={"json": {"taskId": OURS}}, scope="logs:write"),
    ("POST", "/api/v1/auth/session"): Door(answers(401, 204, 204, 204)),
    ("DELETE", "/api/v1/auth/session"): Door(answers(204, 204, 204, 204)),
    ("POST", "/api/v1/auth/ticket"): Door(READS, "/api/v1/auth/ticket", {"json": {"taskId": OURS}}),
    ("GET", f"{LIVE}/health"): Door(OPEN),
    ("GET", "/healthz/live"): Door(OPEN),
    ("GET", "/healthz/ready"): Door(OPEN),
    ("GET", "/metrics"): Door(OPEN),
    ("GET", "/"): Door(OPEN),
    ("POST", "/api/documents/batch"): Door(
        OFF, options={"json": {"keywords": ["1"]}}, scope="logs:write", is_for_all=True
    ),
    ("GET", "/api/documents/status"): Door(OFF, f"/api/documents/status?jobId={OURS}"),
    ("DELETE", "/api/documents/batch/{job_id}"): Door(OFF, f"/api/documents/batch/{OURS}", scope="logs:write"),
    ("GET", "/api/documents/jobs"): Door(answers(401, 403, 503, 503)),
    ("GET", "/api/documents/statistics"): Door(OFF, is_for_all=True),
    ("GET", f"{LIVE}/updates"): Door(answers(401, 403, 200, 200)),
    ("POST", RUNS): Door(READS, RUNS, {"json": RUN}, "logs:write"),
    ("GET", RUNS): Door(READS, f"{RUNS}?script_id={OURS}"),
    ("DELETE", RUNS): Door(READS, f"{RUNS}?script_id={OURS}", scope="logs:write"),
    ("GET", "/api/logs/stats"): Door(READS, is_for_all=True),
    ("POST", "/api/scripts/{script_id}/execution-record"): Door(
        READS, f"/api/scripts/{OURS}/execution-record", {"json": {"status": "success"}}, "logs:write"
    ),
    ("POST", "/api/dashboard/execution-summary"): Door(
        READS, options={"json": {"total_executions": 1, "failed_count": 0}}, scope="logs:write", is_for_all=True
    ),
    ("GET", "/api/dashboard/stats"): Door(READS, is_for_all=True),
    **{("GET", path): Door(OPEN) for path in ("/openapi.json", "/asyncapi.json", "/docs", "/docs/docs.css")},
    **{("GET", path): Door(OPEN) for path in ("/executions", "/automation", "/batch-jobs", "/search", "/alerts")},
    **{("GET", f"/alerts/{path}"): Door(OPEN) for path in ("rules", "new-rule", "targets", "maintenance")},
    ("GET", "/alerts/incidents/{incident_id}"): Door(OPEN, "/alerts/incidents/1"),
    ("GET", "/alerts/rules/{name}"): Door(OPEN, "/alerts/rules/one"),
    **{("GET", f"{path}/{{{name}}}"): Door(OPEN, f"{path}/{OURS}") for path, name in PAGES_OF_ONE},
    ("GET", "/page/assets/{name}"): Door(OPEN, f"/page/{next(iter(built_files().keys() - {INDEX}), 'not built')}"),
}


def knock(http: httpx2.Client, method: str, path: str, **options: Any) -> httpx2.Response:
    """The answer; of a stream that continues, its head."""
    door = DOORS[method, path]
    with http.stream(method, door.url or path, **(door.options | options)) as response:
        if not (response.is_success and path.endswith(ENDLESS)):
            response.read()
        return response


def code_of(response: httpx2.Response) -> str:
    """In our form of errors, or in that of OTLP."""
    body = response.json()
    return body["error"]["code"] if "error" in body else GrpcStatus(body["code"]).name


async def test_every_route_has_a_row(tmp_path: Path) -> None:
    """A new endpoint says in this table who may come in."""
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/otto.db", **ports))
    await gateway.stop()
    found = set()
    for route in gateway.routes:
        path = route.path.replace(":identifier}", "}")
        found |= {(method, path) for method in route.methods or () if method != "HEAD"}
    assert found == set(DOORS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "path"), DOORS)
def test_who_comes_in(http: httpx2.Client, method: str, path: str, kind: str) -> None:
    """By header, as the table says; refusals have their code and nothing of the token."""
    token = DOORS[method, path].credential(kind)
    response = knock(http, method, path, headers=bearer(token) if token is not None else {})
    status = DOORS[method, path].answers[kind]
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    if path.startswith("/api") and not path.endswith("automation/logs"):
        is_stream = path.endswith(("/stream", *ENDLESS)) and response.is_success
        stored_nowhere = {"no-store", "private, no-cache"} if not is_stream else {"no-cache"}
        assert response.headers["cache-control"] in stored_nowhere
    if status in CODES:
        assert code_of(response) == CODES[status]
        assert (response.headers.get("www-authenticate") == "Bearer") is (status == 401)
        assert token is None or token not in response.text
        assert f"a line of {OURS}" not in response.text


@pytest.mark.parametrize("carrier", ["cookie", "query"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
@pytest.mark.parametrize(("method", "path"), [door for door in DOORS if door[0] == "GET"])
def test_other_ways_to_carry_a_token(http: httpx2.Client, method: str, path: str, kind: str, carrier: str) -> None:
    """A cookie and ``?access_token=`` let the same ones in as the header, wherever something is only read."""
    token = DOORS[method, path].credential(kind)
    assert token is not None
    url = DOORS[method, path].url or path
    mark = "&" if "?" in url else "?"
    target = f"{url}{mark}access_token={token}" if carrier == "query" else url
    headers = {"Cookie": f"otto_session={token}"} if carrier == "cookie" else {}
    with http.stream(method, target, headers=headers) as response:
        assert response.status_code == DOORS[method, path].answers[kind]


@pytest.mark.parametrize("carrier", ["cookie", "query"])
@pytest.mark.parametrize("path", [path for method, path in DOORS if method == "POST"])
def test_what_changes_something_takes_the_header_alone(http: httpx2.Client, path: str, carrier: str) -> None:
    """Another site can make a browser send the cookie, or follow an address, but cannot make it send the header."""
    token = DOORS["POST", path].credential("right")
    url = f"{path}?access_token={token}" if carrier == "query" else path
    headers = {"Cookie": f"otto_session={token}"} if carrier == "cookie" else {}
    response = http.post(url, headers=headers, **DOORS["POST", path].options)
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
    assert "set-cookie" not in response.headers


def ticket(http: httpx2.Client, kind: str, **wanted: str) -> str:
    response = http.post("/api/v1/auth/ticket", headers=bearer(credential(kind) or ""), json=wanted)
    assert response.status_code == 200, response.text
    return str(response.json()["ticket"])


def test_a_ticket_lets_one_stream_in(http: httpx2.Client) -> None:
    """Once, for the task that it was asked for, and for nothing that is not read."""
    stream = f"{LIVE}/logs/{{}}/stream?ticket={{}}"
    for task_id, status in (("theirs", 403), (OURS, 200)):
        assert http.get(stream.format(task_id, ticket(http, "right", taskId=OURS))).status_code == status
    used = ticket(http, "right")
    assert [http.get(stream.format(OURS, used)).status_code for _ in range(2)] == [200, 401]
    assert http.get(stream.format(OURS, "garbage")).status_code == 401
    assert http.post(f"/api/v1/auth/ticket?ticket={ticket(http, 'right')}").status_code == 401


def test_a_ticket_of_a_stranger_covers_what_the_stranger_may_read(http: httpx2.Client) -> None:
    """A ticket without a task has the claims of its token."""
    assert http.get(f"{LIVE}/logs/{OURS}/stream?ticket={ticket(http, 'other task')}").status_code == 403
    assert http.get(f"{LIVE}/logs/theirs/stream?ticket={ticket(http, 'other task')}").status_code == 200


def test_the_list_of_tasks_has_only_what_one_may_read(http: httpx2.Client) -> None:
    """The names of others' tasks are theirs too."""
    for kind, names in (("right", {OURS}), ("other task", {"theirs"})):
        tasks = http.get(f"{LIVE}/tasks", headers=bearer(credential(kind) or "")).json()["tasks"]
        assert {task["taskId"] for task in tasks} == names


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer y"), ("Authorization", "Bearer x")],
        [("Authorization", "Bearer")],
        [("Authorization", f"Basic {SECRET}")],
        [("Authorization", "Bearer \x80\xff")],
        [("Authorization", f"Bearer {'a' * 9000}")],
        [("Cookie", "otto_session=")],
        [("Cookie", 'otto_session="\\351"; otto_session=x')],
    ],
)
def test_odd_headers_are_refused_in_the_same_form(http: httpx2.Client, headers: list[tuple[str, str]]) -> None:
    """Whatever stands where a token belongs, the answer is a refusal and no failure."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    response = http.get(f"{LIVE}/logs/{OURS}/stream", headers=raw)
    assert response.status_code in (400, 401)
    assert set(response.json()["error"]) >= {"code", "message"}
