"""The MCP server that the route calls: the SDK's session manager, in stateless mode."""

import asyncio
import logging
from importlib.metadata import version
from typing import Any, Final

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from components.mcp.arguments import ArgumentError, arguments_of, input_schema
from components.mcp.tools import TOOLS
from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.history.stored_logs import StoredLogs
from storage.errors import StorageError

__all__ = ["McpEndpoint"]

_PRINCIPAL: Final = "otto.principal"
"""Where the request's scope has who asks."""

_INSTRUCTIONS: Final = (
    "Logs of tasks (builds, tests, jobs), as they are stored. A task has an id, a status (RUNNING, COMPLETED, FAILED) "
    "and lines with a sequence (1, 2, 3, …), a level and a worker. To find out why a task failed, call task_summary "
    "first: it has the likely cause with its lines. Then read_lines around a line's sequence, or "
    "compare_with_last_good. Answers are cut at `characters`; what is left out is got with the `cursor` at the end."
)
_READ_ONLY: Final = types.ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


class McpEndpoint:
    """Answers requests of one principal each; nothing is kept between them.

    Args:
        logs: reads what is stored.
        body_bytes_max: of one request.
    """

    def __init__(self, logs: StoredLogs, *, body_bytes_max: int) -> None:
        self._logs = logs
        logging.getLogger("mcp").setLevel(logging.WARNING)  # at INFO it says two things of every request
        server: Server[dict[str, Any]] = Server(
            "otto-logs",
            version=version("otto-log-gateway"),
            title="Otto log gateway",
            instructions=_INSTRUCTIONS,
            on_list_tools=_list_tools,
            on_call_tool=self._call_tool,
            get_tool_input_schema=lambda name: input_schema(TOOLS[name].arguments) if name in TOOLS else None,
        )
        # Host and Origin are checked before any route, as for everything else.
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=body_bytes_max
        )
        self._is_closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<McpEndpoint {'running' if self._running is not None else 'not started'}>"

    async def start(self) -> None:
        """Return when requests can be served."""
        is_ready = asyncio.Event()
        self._running = asyncio.create_task(self._run(is_ready), name="mcp")
        await is_ready.wait()

    async def _run(self, is_ready: asyncio.Event) -> None:
        async with self._manager.run():  # its task group has to be left by the task that entered it
            is_ready.set()
            await self._is_closing.wait()

    async def close(self) -> None:
        """Cancel what is still being answered; idempotent."""
        self._is_closing.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def serve(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a principal."""
        scope[_PRINCIPAL] = principal
        await self._manager.handle_request(scope, receive, send)

    async def _call_tool(
        self, context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name[:64]!r}; there are {', '.join(TOOLS)}")
        assert context.request is not None  # noqa: S101 - every request is one over HTTP
        try:
            arguments = arguments_of(tool.arguments, params.arguments or {})
            text = await tool.call(self._logs, context.request.scope[_PRINCIPAL], arguments)
        except (ArgumentError, ApiError) as error:  # for the agent to read, and to do better
            return _result(str(error), is_error=True)
        except StorageError:
            return _result("the journal cannot be read at the moment; try again", is_error=True)
        return _result(text)


def _result(text: str, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)


async def _list_tools(
    _context: ServerRequestContext[dict[str, Any]], _params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    tools = [
        types.Tool(
            name=name,
            title=tool.title,
            description=tool.description,
            input_schema=dict(input_schema(tool.arguments)),
            annotations=_READ_ONLY,
        )
        for name, tool in TOOLS.items()
    ]
    return types.ListToolsResult(tools=tools)
