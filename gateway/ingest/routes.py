"""What producers send over HTTP."""

from gateway.auth import Authenticator
from gateway.ingest.limits import IngestLimits
from gateway.ingest.otlp.routes import otlp_routes
from gateway.ingest.server import GrpcServer
from gateway.routing.operation import DescribedRoute

__all__ = ["ingest_routes"]


def ingest_routes(server: GrpcServer, authenticator: Authenticator, limits: IngestLimits) -> list[DescribedRoute]:
    """OTLP, with the limits, counters and places of the producers that ``server`` serves."""
    return otlp_routes(server.exporter, authenticator, bytes_max=limits.otlp_bytes_max)
