"""``GET /metrics``: what Prometheus scrapes."""

from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from starlette.requests import Request
from starlette.responses import Response

from gateway.monitoring.health_routes import OPERATION_TAG
from gateway.monitoring.metrics_page import MetricsPage
from gateway.routing.operation import Answer, DescribedRoute, Operation

__all__ = ["metrics_routes"]

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_READ_METRICS: Final = Operation(
    "readMetrics",
    "GET",
    OPERATION_TAG,
    "Metrics for Prometheus",
    description="In the text format, or in OpenMetrics where `Accept` names it. No label names a task, worker or user.",
    answers={
        200: Answer(
            "The metrics.",
            media=("text/plain", "application/openmetrics-text"),
            examples={
                "one": '# TYPE otto_active_connections gauge\notto_active_connections{transport="sse"} 3.0\n',
            },
        )
    },
)


def metrics_routes(registry: CollectorRegistry) -> list[DescribedRoute]:
    """The metrics, in the text format or in OpenMetrics; no token is needed, and no name is shown."""
    pages = {_TEXT: MetricsPage(registry, generate_latest), _OPENMETRICS: MetricsPage(registry, generate_openmetrics)}

    async def metrics(request: Request) -> Response:
        # The library's own choice repeats the version and escaping that were asked for, and fails at what is no number.
        accepts = request.headers.get("accept", "").lower()
        content_type = _OPENMETRICS if "application/openmetrics-text" in accepts else _TEXT
        page = await pages[content_type].read()
        return Response(page, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return [DescribedRoute("/metrics", metrics, _READ_METRICS)]
