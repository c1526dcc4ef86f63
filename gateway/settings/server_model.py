"""The first part of the settings: sessions, and where the gateway listens."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.settings.loopback import LOOPBACK
from gateway.settings.values import Count, Origins, Port, Text, Texts

__all__ = ["ServerSettings"]


class ServerSettings(BaseModel):
    """What ``Settings`` begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    # Sessions and backpressure
    max_connections: Count = Field(
        1000, description="Sessions at once, on all transports together; the next is refused with SERVER_FULL."
    )
    session_timeout_minutes: float = Field(
        30, gt=0, description="Minutes without progress or an answer after which a session is closed."
    )
    buffer_size: Count = Field(
        1000, description="Lines that may wait in memory for one session; beyond it, it is served from storage."
    )
    heartbeat_interval_seconds: float = Field(30, ge=0.05, description="Seconds of silence before a heartbeat.")
    backpressure_threshold: Count = Field(500, description="Waiting lines at which a session counts as lagging.")
    enable_compression: bool = Field(True, description="Compress streams for clients that accept it; false: never.")
    debug_mode: bool = Field(
        False,
        description="Log every request, and logs of level DEBUG; false: neither. Where it is unset, "
        "`NODE_ENV=development` means true.",
    )

    # Addresses
    host: Text | None = Field(
        None,
        description="Address to listen on, for HTTP and gRPC. Unset: every address where credentials are configured, "
        "127.0.0.1 where they are not. Set without credentials, it lets everybody in who can reach it.",
    )
    http_port: Port = Field(4000, description="Port of HTTP, Server-Sent Events and Socket.IO; 0: any free one.")
    websocket_port: Port = Field(
        3001, description="Second port of the same; as HTTP_PORT: only that one. 0: any free one."
    )
    grpc_port: Port = Field(9090, description="Port of producers; 0: any free one.")
    grpc_server: Literal["h2", "grpcio"] = Field(
        "h2", description="What serves producers: `h2` the gateway's own server, `grpcio` that of gRPC's library."
    )
    cors_origins: Origins = Field(
        (),
        description="Origins of web pages that may use the gateway, separated by commas; * means any, without cookies. "
        "Unset: the gateway's own page only.",
    )
    trusted_proxies: Texts = Field(
        (LOOPBACK, "::1"),
        description="Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, "
        "separated by commas; * believes everybody. They are not limited by MAX_CONNECTIONS_PER_ADDRESS themselves.",
    )
    allowed_hosts: Texts = Field(
        (),
        description="Names that HTTP requests may be addressed to, without port, separated by commas. Unset: any; but "
        "localhost, 127.0.0.1 and [::1] only, where everybody is let in and loopback is listened on.",
    )
