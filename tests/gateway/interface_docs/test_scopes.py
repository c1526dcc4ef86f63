"""What the documents say of a token is what routes ask for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from gateway.app import Gateway
from gateway.routing.operation import ANY_SCOPE, DescribedRoute
from gateway.settings.model import Settings
from tests.support.described import Call, calls
from tests.support.signed_tokens import SECRET, make_token

SCOPES = ("logs:read", "logs:write")


def first_calls(openapi: dict[str, Any], routes: tuple[DescribedRoute, ...]) -> Iterator[tuple[Call, str | None]]:
    """One request for each route, with the scope that its operation names."""
    scopes = {route.operation.id: route.operation.scope for route in routes}
    seen = set()
    for call in calls(openapi):
        name = call.operation["operationId"]
        if name in scopes and name not in seen:
            seen.add(name)
            yield call, scopes[name]


async def test_a_route_asks_for_the_scope_that_its_operation_names(tmp_path: Path) -> None:
    """A token with all other scopes is refused with the name of the missing one; where none is named, it is let in."""
    settings = Settings(
        http_port=0,
        websocket_port=0,
        grpc_port=0,
        durability="process",
        jwt_secret=SECRET,
        database_url=f"sqlite:///{tmp_path}/otto.db",
        shutdown_grace_seconds=0,
    )
    gateway = await Gateway.start(settings)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        openapi = (await http.get("/openapi.json")).json()
        for call, scope in first_calls(openapi, gateway.routes):
            if call.operation["operationId"] == "readJobLogs":
                call.query.setdefault("jobId", "build-7")
            others = [each for each in SCOPES if each != scope]
            headers = call.headers | {"Authorization": f"Bearer {make_token(scopes=others)}"}
            request = http.build_request(call.method, call.path, params=call.query, headers=headers, json=call.json)
            answer = await http.send(request, stream=True)
            if scope in (None, ANY_SCOPE):
                assert answer.status_code not in (401, 403), call.name
            else:
                text = (await answer.aread()).decode()
                assert (answer.status_code, f"scope {scope}" in text) == (403, True), (call.name, text)
            await answer.aclose()
    await gateway.stop()
