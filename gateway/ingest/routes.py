"""What producers send over HTTP."""

from gateway.auth import Authenticator
from gateway.ingest.otlp.routes import otlp_routes
from gateway.ingest.plain.routes import plain_routes
from gateway.ingest.server import GrpcServer
from gateway.routing.operation import DescribedRoute

__all__ = ["ingest_routes"]


def ingest_routes(server: GrpcServer, authenticator: Authenticator) -> list[DescribedRoute]:
    """Plain lines and OTLP, with the limits, counters and places of the producers that ``server`` serves."""
    registry = server.registry
    return [
        *plain_routes(registry, authenticator),
        *otlp_routes(server.exporter, authenticator, bytes_max=registry.limits.otlp_bytes_max),
    ]
