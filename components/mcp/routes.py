"""``POST /mcp``: the route, with its description."""

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.auth import Authenticator, Principal
from gateway.errors import ApiError
from gateway.routing.operation import Answer, Body, DescribedRoute, Operation, Tag

if TYPE_CHECKING:
    from components.mcp.endpoint import McpEndpoint

__all__ = ["mcp_routes"]

PATH: Final = "/mcp"
_OFF: Final = "the MCP endpoint is off: set MCP_ENABLED=true to use it"
_AGENTS: Final = Tag("Agents", "Stored logs as tools, over the Model Context Protocol.")
_MESSAGE: Final = {"type": "object", "description": "A JSON-RPC message."}
_REQUEST: Final = {
    "type": "object",
    "description": "A JSON-RPC request; without `id` a notification.",
    "required": ["jsonrpc", "method"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": "integer"},
        "method": {"type": "string"},
        "params": {"type": "object"},
    },
}
_LIST: Final = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
_CALL: Final = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "task_summary", "arguments": {"task_id": "build-7"}},
}
_CALL_TOOL: Final = Operation(
    "callTool",
    "POST",
    _AGENTS,
    "Tools for agents (Model Context Protocol)",
    description="Streamable HTTP without sessions: every request is answered by itself, as JSON. The tools only read: "
    "`list_tasks`, `task_summary`, `read_lines`, `tail_lines`, `search_logs`, `compare_with_last_good`. `Accept` must "
    "have `application/json`. Refusals by the protocol have a JSON-RPC error as their body. 404 where `MCP_ENABLED` is "
    "not set.",
    scope="logs:read",
    body=Body(_REQUEST, {"list": _LIST, "call": _CALL}),
    answers={
        200: Answer("The answer.", _MESSAGE),
        202: Answer("A notification; there is no answer."),
        400: Answer("Not a message of the protocol, or not one of a version that is known.", _MESSAGE),
        404: Answer("The endpoint is off, or there is no such method.", _MESSAGE),
        406: Answer("`Accept` does not have `application/json`.", _MESSAGE),
    },
    errors=("NOT_FOUND",),
    stored=True,
)


class _Delegated(Response):
    """An answer that the endpoint sends by itself."""

    def __init__(self, endpoint: "McpEndpoint", principal: Principal) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.serve(self._principal, scope, receive, send)


def mcp_routes(endpoint: "McpEndpoint | None", authenticator: Authenticator) -> tuple[DescribedRoute, ...]:
    """The route; ``endpoint`` is None if it is off."""

    async def call(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        if endpoint is None:
            raise ApiError("NOT_FOUND", _OFF)
        return _Delegated(endpoint, principal)

    return (DescribedRoute(PATH, call, _CALL_TOOL),)
