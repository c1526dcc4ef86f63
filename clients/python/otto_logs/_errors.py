"""Errors of the package, one base for all of them.

OttoLogsError
├── GatewayError            the gateway refused, and asking again would not help
│   ├── AuthenticationError     no token, or one that it does not accept
│   ├── PermissionDeniedError   a good token for something else
│   ├── InvalidRequestError     it does not understand what was sent
│   ├── RequestTooLargeError    it takes no request of that size
│   ├── IncompatibleError       no Otto log gateway, or one of another version
│   └── ReplacedError           another producer uses the same producer id
├── NotFoundError           there is no such task
├── UnavailableError        the gateway is away; asking again may help
├── NotDeliveredError       time was up before everything was acknowledged
├── SpoolFullError          nothing can be dropped to make room
├── ClosedError             the producer was closed
└── ForkedError             the producer belongs to the parent process
"""

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "ForkedError",
    "GatewayError",
    "IncompatibleError",
    "InvalidRequestError",
    "NotDeliveredError",
    "NotFoundError",
    "OttoLogsError",
    "PermissionDeniedError",
    "ReplacedError",
    "RequestTooLargeError",
    "SpoolFullError",
    "UnavailableError",
]


class OttoLogsError(Exception):
    """The base of what this package raises."""


class GatewayError(OttoLogsError):
    """The gateway refused for good; the producer has stopped.

    Attributes:
        code: the gRPC status, such as ``UNAUTHENTICATED``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AuthenticationError(GatewayError):
    """No token, or one that the gateway does not accept."""


class PermissionDeniedError(GatewayError):
    """The token does not cover this task or pipeline."""


class NotFoundError(OttoLogsError):
    """There is no such task, or none of its lines are stored."""


class UnavailableError(OttoLogsError):
    """The gateway is away, or cannot answer now."""


class InvalidRequestError(GatewayError):
    """The gateway does not understand what was sent."""


class RequestTooLargeError(GatewayError):
    """The gateway takes no request of that size."""


class IncompatibleError(GatewayError):
    """What listens there is no Otto log gateway, or one that speaks another version of the wire."""


class ReplacedError(GatewayError):
    """Another producer uses the same producer id; only the newest of them may write."""


class NotDeliveredError(OttoLogsError):
    """Time was up before everything was acknowledged.

    Attributes:
        lines: how many lines are not known to be stored.
    """

    def __init__(self, message: str, lines: int) -> None:
        super().__init__(message)
        self.lines = lines


class SpoolFullError(OttoLogsError):
    """The spool is full of what must not be dropped."""


class ClosedError(OttoLogsError):
    """The producer was closed and takes nothing more."""


class ForkedError(OttoLogsError):
    """The producer belongs to the process that forked this one; make a new one here."""
