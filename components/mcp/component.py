"""The MCP endpoint as a component."""

from typing import TYPE_CHECKING, Self

from gateway.component import Component, Core
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings

if TYPE_CHECKING:
    from components.mcp.endpoint import McpEndpoint

__all__ = ["McpComponent"]


class McpComponent(Component):
    """Tools for agents that read logs, if ``MCP_ENABLED`` is set; they change nothing."""

    name = "mcp"

    def __init__(self, core: Core, endpoint: "McpEndpoint | None") -> None:
        from components.mcp.routes import mcp_routes

        self._endpoint = endpoint
        self.routes = mcp_routes(endpoint, core.authenticator)

    def __repr__(self) -> str:
        return f"<McpComponent {self._endpoint!r}>"

    @classmethod
    def check(cls, settings: Settings) -> None:
        """The extra `mcp` is installed if the endpoint is on."""
        if settings.mcp_enabled:
            require_extra("mcp", ["mcp"], needed_for="MCP_ENABLED")

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Make the endpoint; it serves from ``start`` on."""
        cls.check(core.settings)
        if not core.settings.mcp_enabled:
            return cls(core, None)
        from components.mcp.endpoint import McpEndpoint

        return cls(core, McpEndpoint(core.logs, body_bytes_max=core.settings.http_body_bytes_max))

    async def start(self) -> None:
        """Serve."""
        if self._endpoint is not None:
            await self._endpoint.start()

    async def close(self, grace_seconds: float) -> None:  # noqa: ARG002 - its requests have ended with the server
        """Stop the endpoint."""
        if self._endpoint is not None:
            await self._endpoint.close()
