"""A session as topics, channels and the catch-up scheduler see it."""

from collections.abc import Sequence
from typing import Protocol

from sessions.transport import EncodedBatch

__all__ = ["Subscriber"]


class Subscriber(Protocol):
    """Reads a channel. No method raises: an error ends the subscriber, and its caller continues with the others."""

    @property
    def position(self) -> int:
        """The sequence up to which it was given everything."""
        ...

    def deliver(self, runs: Sequence[EncodedBatch]) -> None:
        """Take fresh runs; called on live subscribers only."""
        ...

    def pump(self) -> None:
        """Take what is in memory, from its position to the head of its channel."""
        ...

    def run_slice(self) -> None:
        """Take one run, from memory or from the journal; called by the catch-up scheduler."""
        ...

    def finish_if_complete(self) -> None:
        """End if its task has ended and every line of it was given."""
        ...

    def fail(self) -> None:
        """End because of an error of ours; called in the handler of the exception."""
        ...
