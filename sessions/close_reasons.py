"""Why a session ends: the one registry, mirrored in the clients and in the reference.

Numbers below 4500 invite the client to come back, numbers from 4500 on tell it not to.
"""

from enum import Enum
from typing import Final

__all__ = ["RECONNECT_FORBIDDEN_FROM", "CloseReason"]

RECONNECT_FORBIDDEN_FROM: Final = 4500


class CloseReason(Enum):
    """A reason with its number, its code on the wire and its text."""

    SERVER_SHUTDOWN = (4000, "SERVER_SHUTDOWN", "The gateway is shutting down; reconnect and resume.")
    SESSION_TIMEOUT = (4001, "SESSION_TIMEOUT", "The client has read and answered nothing for too long.")
    STORAGE_UNAVAILABLE = (
        4002,
        "STORAGE_UNAVAILABLE",
        "The journal cannot be read at the moment; reconnect and resume.",
    )
    INTERNAL = (4003, "INTERNAL", "The gateway ran into an error of its own; reconnect and resume.")
    CLIENT_GONE = (4004, "CLIENT_GONE", "The client closed the connection.")
    TOKEN_EXPIRED = (4005, "TOKEN_EXPIRED", "The token has expired; come back with a new one.")
    SERVER_FULL = (4006, "SERVER_FULL", "The gateway holds as many sessions as it may; try again later.")
    COMPLETED = (4500, "COMPLETED", "The task has ended and every line of it was sent.")
    UNSUBSCRIBED = (4501, "UNSUBSCRIBED", "The client ended the subscription.")
    TASK_DELETED = (4502, "TASK_DELETED", "The task and its lines were deleted.")

    def __init__(self, number: int, code: str, text: str) -> None:
        self.number = number
        self.code = code
        self.text = text

    @property
    def may_reconnect(self) -> bool:
        """Whether the client should come back by itself."""
        return self.number < RECONNECT_FORBIDDEN_FROM
