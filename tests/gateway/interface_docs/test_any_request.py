"""Requests made from the OpenAPI document, right ones and wrong ones, against a real gateway.

``FUZZ_EXAMPLES`` (requests per operation and kind, default 3) and ``FUZZ_SEED`` choose how many and which.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.generation import GenerationMode

from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import WAIT_SECONDS_MAX

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))  # `make fuzz` draws one
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
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
    schema = schemathesis.openapi.from_dict(document)
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
async def test_any_request_is_answered_as_described(tmp_path: Path) -> None:
    """No 5xx, no status, media type or document that is not described, no hang, no traceback."""
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    nowhere = {"NAVER_CLIENT_ID": "1", "NAVER_CLIENT_SECRET": "1", "NAVER_API_URL": "http://127.0.0.1:9"}
    stages = ("SCRIPT", "IMAGE", "VIDEO", "YOUTUBE")
    nowhere |= {"AUTOMATION_ENABLED": "true"} | {f"AUTOMATION_{name}_COMMAND": "true" for name in stages}
    async with running_gateway(tmp_path, JWT_SECRET=SECRET, **nowhere) as gateway:
        with requests.Session() as session:
            document = session.get(f"{gateway.url}/openapi.json").json()
            for operation, mode in operations(document):
                check_operation(session, gateway.url, operation, mode)
            assert session.get(f"{gateway.url}/healthz/ready").json()["status"] == "ready"
        assert trouble(gateway.log()) == []


def check_operation(session: requests.Session, url: str, operation: Any, mode: GenerationMode) -> None:
    cases = operation.as_strategy(generation_mode=mode)

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases, token=TOKENS)
    def each(case: Any, token: str | None) -> None:
        arguments = case.as_transport_kwargs(base_url=url)
        if token is not None:
            arguments["headers"]["Authorization"] = token
        case.validate_response(fetch(session, arguments), checks=CHECKS)

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # an operation without parameters has no wrong ones
        each()
