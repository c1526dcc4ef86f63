"""What the rest of the gateway asks of authentication."""

from typing import Protocol

from starlette.requests import HTTPConnection

from gateway.auth.principal import Principal

__all__ = ["Authenticator"]


class Authenticator(Protocol):
    """Finds out on whose behalf a request is made; ``TokenAuthenticator`` is the real one."""

    async def authenticate(self, token: str | None) -> Principal:
        """The principal of a bearer token.

        Raises:
            ApiError: UNAUTHENTICATED; UNAVAILABLE if the keys are not available.
        """
        ...

    async def principal_of(self, connection: HTTPConnection) -> Principal:
        """The principal of an HTTP request, from its header, cookie or query.

        Raises:
            ApiError: as ``authenticate``, with the place of the credential as ``field``.
        """
        ...
