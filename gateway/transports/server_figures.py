"""How busy the gateway is, as the health page and ``server-stats`` of Socket.IO show it."""

import msgspec

__all__ = ["ServerFigures"]


class ServerFigures(msgspec.Struct, rename="camel"):
    """What the gateway does at the moment.

    ``messages_per_second`` counts lines received and ``deliveries_per_second`` lines given to subscribers;
    ``average_latency`` is in milliseconds from a line's arrival to its subscribers; ``error_rate`` is the share, from
    0 to 1, of what was refused or failed among all that was asked for; ``memory_usage`` is resident memory in bytes.
    """

    active_connections: int
    messages_per_second: float
    deliveries_per_second: float
    average_latency: float
    error_rate: float
    memory_usage: int
    uptime_seconds: int
