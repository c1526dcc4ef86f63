"""``GET /metrics``: what Prometheus scrapes."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["metrics_routes"]


def metrics_routes(registry: CollectorRegistry) -> list[Route]:
    """The metrics, in the text format or in OpenMetrics; no token is needed, and no name is shown."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return [Route("/metrics", metrics, methods=["GET"], name="metrics")]
