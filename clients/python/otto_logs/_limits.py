"""How much a producer gathers, holds and waits for."""

from dataclasses import dataclass

__all__ = ["ProducerLimits"]

_SPOOL_BYTES_LEAST = 64 * 1024
_SPOOL_DISK_BYTES_LEAST = 4 * _SPOOL_BYTES_LEAST


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerLimits:
    """The limits of one producer, each in the unit that its name ends in.

    Attributes:
        spool_bytes_max: memory for what is not acknowledged, roughly; beyond it the policy applies.
        spool_disk_bytes_max: the size of the files of a spool on disk, of which ``spool_bytes_max`` is in memory too.
        batch_lines_max: lines of one request.
        batch_bytes_max: bytes of one request.
        message_bytes_max: bytes of one message; a longer one is cut here, and ``metadata.originalBytes`` says how long
            it was. The gateway has a limit of its own, usually a lower one.
        linger_seconds: how long a line waits at most for others to share its request, while something that was sent is
            not acknowledged; otherwise it is sent at once.
        hello_seconds_max: how long the gateway may take to answer a new connection.
        acknowledgement_seconds_max: how long the gateway may acknowledge nothing of what was sent before the
            connection counts as dead.
        backoff_seconds: the bound of the first delay before connecting again; it doubles with each attempt.
        backoff_seconds_max: the bound of any such delay.
        keepalive_seconds: silence after which a ping tests the connection.
    """

    spool_bytes_max: int = 32 * 1024 * 1024
    spool_disk_bytes_max: int = 1024 * 1024 * 1024
    batch_lines_max: int = 1_000
    batch_bytes_max: int = 256 * 1024
    message_bytes_max: int = 256 * 1024
    linger_seconds: float = 0.005
    hello_seconds_max: float = 30.0
    acknowledgement_seconds_max: float = 60.0
    backoff_seconds: float = 0.2
    backoff_seconds_max: float = 30.0
    keepalive_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0 and name != "linger_seconds":
                raise ValueError(f"{name} must be more than 0, not {getattr(self, name)}")
        if self.spool_bytes_max < _SPOOL_BYTES_LEAST:
            raise ValueError(f"spool_bytes_max must be {_SPOOL_BYTES_LEAST} or more, not {self.spool_bytes_max}")
        if self.spool_disk_bytes_max < _SPOOL_DISK_BYTES_LEAST:
            raise ValueError(
                f"spool_disk_bytes_max must be {_SPOOL_DISK_BYTES_LEAST} or more, not {self.spool_disk_bytes_max}"
            )
        if max(self.message_bytes_max, self.batch_bytes_max) * 4 > self.spool_bytes_max:
            # A request on its way and one being gathered must both fit, or the spool is always full.
            object.__setattr__(self, "message_bytes_max", min(self.message_bytes_max, self.spool_bytes_max // 4))
            object.__setattr__(self, "batch_bytes_max", min(self.batch_bytes_max, self.spool_bytes_max // 4))
