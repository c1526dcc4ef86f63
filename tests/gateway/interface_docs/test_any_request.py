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
from schemathesis.checks import CHECKS as REGISTERED
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation import GenerationMode

from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import WAIT_SECONDS_MAX

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))  # `make fuzz` draws one
load_all_checks()
CHECKS = REGISTERED.get_by_names(
    [
        *("status_code_conformance", "content_type_conformance", "response_headers_conformance"),
        *("response_schema_conformance", "missing_required_header", "allow_header_conformance"),
    ]
)
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
@pytest.mark.parametrize("settings", [ON, {}], ids=["everything on", "no tokens, parts off"])
async def test_any_request_is_answered_as_described(tmp_path: Path, settings: dict[str, str]) -> None:
    """No 5xx, no status, media type or document that is not described, no hang, no traceback."""
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    async with running_gateway(tmp_path, **settings) as gateway:
        with requests.Session() as session:
            document = session.get(f"{gateway.url}/openapi.json").json()
            # A part that is off answers 503, as described; nothing else is an error of the server.
            checks = [*CHECKS, not_a_server_error] if settings else CHECKS
            for operation, mode in operations(document):
                check_operation(session, gateway.url, operation, mode, checks)
            assert session.get(f"{gateway.url}/healthz/ready").json()["status"] == "ready"
        assert trouble(gateway.log()) == []


def check_operation(
    session: requests.Session, url: str, operation: Any, mode: GenerationMode, checks: list[Any]
) -> None:
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
        case.validate_response(fetch(session, arguments), checks=checks)

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # an operation without parameters has no wrong ones
        each()
