"""What producers send over HTTP."""

from gateway.auth import Authenticator
from gateway.ingest.limits import IngestLimits
from gateway.ingest.otlp.routes import otlp_routes
from gateway.ingest.plain.routes import Uploads, plain_routes
from gateway.ingest.server import GrpcServer
from gateway.routing.operation import DescribedRoute

__all__ = ["Uploads", "ingest_routes"]


def ingest_routes(
    server: GrpcServer, authenticator: Authenticator, limits: IngestLimits, uploads: Uploads
) -> list[DescribedRoute]:
    """Plain lines and OTLP, with the limits, counters and places of the producers that ``server`` serves."""
    return [
        *plain_routes(server.registry, authenticator, uploads),
        *otlp_routes(server.exporter, authenticator, bytes_max=limits.otlp_bytes_max),
    ]
