"""The place of a request among the streams of producers: counted, limited and waited for as they are."""

from contextlib import AbstractContextManager
from types import TracebackType

from gateway.auth import Principal
from gateway.ingest.counters import Dialect
from gateway.ingest.registry import ProducerRegistry, StreamEnd

__all__ = ["Place"]


class Place(AbstractContextManager["Place"]):
    """One producer's request from its admission to its answer.

    Raises:
        ApiError: there is no place, or the gateway stops.
    """

    def __init__(self, registry: ProducerRegistry, dialect: Dialect, principal: Principal, address: str) -> None:
        self._registry = registry
        self._dialect = dialect
        self._subject = principal.subject
        self._address = address
        self._has_left = False
        registry.join(self)

    def __repr__(self) -> str:
        return f"<Place {self._dialect} {self._subject!r}>"

    @property
    def dialect(self) -> Dialect:
        """Its wire."""
        return self._dialect

    @property
    def subject(self) -> str:
        """Whose token it has."""
        return self._subject

    @property
    def address(self) -> str:
        """The address of the peer."""
        return self._address

    def end(self, end: StreamEnd) -> None:
        """A request has no number that another could take over."""

    def proceed(self) -> None:
        """Nor does it wait in the registry."""

    def leave(self) -> None:
        """Give the place back; idempotent."""
        if not self._has_left:
            self._has_left = True
            self._registry.leave(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
