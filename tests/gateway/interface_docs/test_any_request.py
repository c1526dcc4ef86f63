"""Requests made from the OpenAPI document, right ones and wrong ones, against a real gateway.

``FUZZ_EXAMPLES`` (requests per operation and kind, default 3) and ``FUZZ_SEED`` choose how many and which.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup, ServerError
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import RejectedPositiveData

from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import WAIT_SECONDS_MAX

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))  # `make fuzz` draws one
load_all_checks()
# Credentials are those of TOKENS. A part that is off answers 503, as described; nothing else is a server's error.
CONFIGURATION = {
    "generation": {"with-security-parameters": False},
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]}},
}
OFF = {"checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]}}}
UNSAID = {
    "cursor": "only what an answer gave out before is right",
    "sid": "only what an answer gave out before is right",
    "filter": "OpenAPI cannot say the grammar of the filter language",
    "Producer-Number": "only the number behind the last one that was stored is right",
    "tail": "it excludes `after`, and OpenAPI cannot say that of two parameters",
    "before": "it excludes `after`, and OpenAPI cannot say that of two parameters",
    "startTime": "it must not be later than `endTime`, and OpenAPI compares no values",
    "started_at": "ISO 8601 has forms, such as those without an offset, that no format of JSON Schema has",
    "finished_at": "ISO 8601 has forms, such as those without an offset, that no format of JSON Schema has",
    "failed_count": "it must not be more than `total_executions`, and JSON Schema compares no values",
    "jobId": "it or `taskId` is needed, and OpenAPI cannot say that of two parameters",
    "execution_id": "it or another filter is needed, and OpenAPI cannot say that of two parameters",
    "title": "what is printable is in no pattern of JSON Schema",
    "rule": "what a rule is, depends on its condition",
    "window": "it is once or weekly, and has other fields then",
    "keywords": "what is printable is in no pattern of JSON Schema",
}
"""Fields that a request may have as described and that are refused all the same, each with the reason."""
NOWHERE = {"NAVER_CLIENT_ID": "1", "NAVER_CLIENT_SECRET": "1", "NAVER_API_URL": "http://127.0.0.1:9"}
STAGES = {f"AUTOMATION_{name}_COMMAND": "true" for name in ("SCRIPT", "IMAGE", "VIDEO", "YOUTUBE")}
ON = {"JWT_SECRET": SECRET, "AUTOMATION_ENABLED": "true", "MCP_ENABLED": "true", **STAGES, **NOWHERE}
TOKENS = st.sampled_from(
    [
        f"Bearer {make_token(scopes=('logs:read', 'admin'))}",
        f"Bearer {make_token(scopes=('logs:read',), tasks=['build-*'])}",
        f"Bearer {make_token(scopes=('logs:write',))}",
        "Bearer garbage",
        "Basic Zm9vOmJhcg==",
        None,
    ]
)


def operations(document: dict[str, Any]) -> Iterator[tuple[Any, GenerationMode]]:
    configuration = CONFIGURATION if "securitySchemes" in document["components"] else CONFIGURATION | OFF
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(configuration))
    for found in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            yield found.ok(), mode


def fetch(session: requests.Session, arguments: dict[str, Any]) -> requests.Response:
    """An answer whole, or the head and the beginning of a stream."""
    answer = session.request(**arguments, stream=True, timeout=WAIT_SECONDS_MAX, allow_redirects=False)
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        answer._content = next(answer.iter_content(16))
        answer.close()
    else:
        assert isinstance(answer.content, bytes)
    return answer


@pytest.mark.timeout(24 * 3600 if EXAMPLES > 100 else 900)
@pytest.mark.parametrize("settings", [ON, {}], ids=["everything on", "no tokens, parts off"])
async def test_any_request_is_answered_as_described(tmp_path: Path, settings: dict[str, str]) -> None:
    """No 5xx, no status, media type or document that is not described, no hang, no traceback."""
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    if settings:
        (tmp_path / "rules.yaml").write_text("rules: [{name: errors, filter: {levels: [ERROR]}}]")
        settings = settings | {"ALERT_RULES": str(tmp_path / "rules.yaml")}
    async with running_gateway(tmp_path, **settings) as gateway:
        with requests.Session() as session:
            document = session.get(f"{gateway.url}/openapi.json").json()
            for operation, mode in operations(document):
                check_operation(session, gateway.url, operation, mode, EXAMPLES if settings else (EXAMPLES + 2) // 3)
            assert session.get(f"{gateway.url}/healthz/ready").json()["status"] == "ready"
        assert trouble(gateway.log()) == []


def whole_numbers(body: Any) -> Any:
    """``3`` for ``3.0``, as JavaScript writes it; msgspec takes the latter for no integer."""
    if isinstance(body, dict):
        return {name: whole_numbers(value) for name, value in body.items()}
    if isinstance(body, list):
        return list(map(whole_numbers, body))
    return int(body) if isinstance(body, float) and body.is_integer() else body


def is_unsaid(finding: BaseException, answer: requests.Response) -> bool:
    """Whether the description cannot say what makes the difference."""
    if isinstance(finding, RejectedPositiveData):
        return (answer.json()["error"].get("field") or "").split(".")[0] in UNSAID
    if isinstance(finding, ServerError):  # a part that is off says so with the status that is described for it
        return answer.status_code == requests.codes.unavailable and " off: set " in answer.text
    if not isinstance(finding, AcceptedNegativeData):
        return False
    given = {name.lower(): value for name, value in answer.request.headers.items()}
    given |= dict(parse_qsl(urlsplit(str(answer.request.url)).query, keep_blank_values=True))
    # An empty value counts as left out, as in an HTML form that was not filled in. What a list has twice counts once,
    # so it may have more elements than different ones. Beside the position in a header, which a browser adds to the
    # address that it began with, others are not read.
    # Lines that are handed in need not be JSON: text is taken as it is.
    is_text = "/api/v1/ingest/" in str(answer.request.url) and "in body" in str(finding)
    is_repeated = "last-event-id" in given and re.search("`(after|tail|lastEventId)`", str(finding)) is not None
    return is_repeated or is_text or "`maxItems`" in str(finding) or any(not value.strip() for value in given.values())


def check_operation(session: requests.Session, url: str, operation: Any, mode: GenerationMode, examples: int) -> None:
    cases = operation.as_strategy(generation_mode=mode)

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases, token=TOKENS)
    def each(case: Any, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": token}
        if isinstance(case.body, dict):
            case.body = whole_numbers(case.body)
        answer = fetch(session, case.as_transport_kwargs(base_url=url, headers=headers))
        try:
            case.validate_response(answer, checks=CHECKS.get_all(), headers=headers)
        except FailureGroup as found:
            if real := [each for each in found.exceptions if not is_unsaid(each, answer)]:
                print(case.method, case.path, case.query, case.body, answer.status_code, answer.text[:300])
                raise FailureGroup(real) from None

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # an operation without parameters has no wrong ones
        each()
