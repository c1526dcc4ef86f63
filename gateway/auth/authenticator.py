"""The one place that identifies callers, for HTTP, gRPC and Socket.IO alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection

from gateway.auth.claims import ClaimsError, principal_of_claims
from gateway.auth.credentials import CredentialKind, bearer_token, credential_of
from gateway.auth.principal import ANONYMOUS, Principal
from gateway.auth.settings import AuthSettings
from gateway.auth.tickets import Tickets
from gateway.errors import ApiError

if TYPE_CHECKING:
    from gateway.auth.jwks import KeySet
    from gateway.auth.shared_tickets import SharedTickets
    from gateway.auth.verifier import Verifier

__all__ = ["AuthStatistics", "TokenAuthenticator"]

_READING: Final = frozenset({"GET", "HEAD"})

REMEMBERED_MAX: Final = 10_000
"""Good tokens that are remembered, by their hash; the oldest go first."""

REMEMBERED_SECONDS_MAX: Final = 300.0
"""How long a good token is not verified again, so that a key which was withdrawn is soon of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthStatistics:
    """What an authenticator has done, and holds."""

    accepted: int
    refused: int
    remembered: int
    tickets_waiting: int


class TokenAuthenticator:
    """Verifies tokens, and remembers those that were good; issues and redeems tickets.

    Verifying happens once per connection: who holds a principal asks it, and ends at its ``expires_at``.
    """

    def __init__(self, settings: AuthSettings | None = None, clock: Callable[[], float] = time.time) -> None:
        """Without settings, or without a credential in them, every caller is ``ANONYMOUS``.

        Raises:
            AuthSettingsError: a setting is unusable.
        """
        self.settings = settings if settings is not None else AuthSettings()
        self.tickets = Tickets(self.settings.ticket_ttl_seconds, self.settings.tickets_max, clock)
        self._shared_tickets: SharedTickets | None = None
        self._clock = clock
        self._key_set: KeySet | None = None
        self._verifier: Verifier | None = None
        if self.enabled:
            self._key_set, self._verifier = _verification(self.settings)
        self._remembered: dict[bytes, tuple[Principal, float]] = {}
        self._accepted = self._refused = 0

    def __repr__(self) -> str:
        if not self.enabled:
            return "<TokenAuthenticator off>"
        return f"<TokenAuthenticator {self._verifier!r} remembered={len(self._remembered)} {self.tickets!r}>"

    @property
    def enabled(self) -> bool:
        """Whether a credential is needed at all."""
        return self.settings.is_enabled

    @property
    def problem(self) -> str | None:
        """Why tokens cannot be verified as they should, for the health page; None if they can."""
        error = self._key_set.error if self._key_set is not None else None
        return f"the key set of JWKS_URL: {error}" if error is not None else None

    @property
    def statistics(self) -> AuthStatistics:
        """Counts since the start."""
        return AuthStatistics(
            accepted=self._accepted,
            refused=self._refused,
            remembered=len(self._remembered),
            tickets_waiting=len(self.tickets),
        )

    async def start(self) -> None:
        """Fetch the key set, if there is one; a failure is a ``problem`` and is mended later."""
        if self._key_set is not None:
            await self._key_set.refresh()

    async def close(self) -> None:
        """Let go of what is under way."""
        if self._key_set is not None:
            await self._key_set.close()

    async def authenticate(self, token: str | None) -> Principal:
        """Who a token speaks for.

        Raises:
            ApiError: UNAUTHENTICATED, with the reason but nothing of the token; UNAVAILABLE where keys are missing.
        """
        if not self.enabled:
            return ANONYMOUS
        try:
            principal = await self._principal(token)
        except ApiError:
            self._refused += 1
            raise
        self._accepted += 1
        return principal

    async def principal_of(self, connection: HTTPConnection) -> Principal:
        """Who sent a request: by header, session cookie, ``?access_token=`` or ``?ticket=``, as ``credential_of`` says.

        If the request may change something, only the header counts: another site can make a browser send a cookie,
        or follow an address, but not a header.

        Raises:
            ApiError: as ``authenticate``; ``field`` is the header, cookie or parameter. INVALID_ARGUMENT if there is
                more than one credential.
        """
        if not self.enabled:
            return ANONYMOUS
        if connection.scope.get("method", "GET") not in _READING:
            return await self.authenticate(bearer_token(connection))
        credential = credential_of(connection, self.settings.cookie_name, query_tokens=self.settings.query_tokens)
        if credential is None:
            return await self.authenticate(None)
        try:
            if credential.kind is CredentialKind.TICKET:
                return await self.redeem(credential.text)
            return await self.authenticate(credential.text)
        except ApiError as error:
            error.field = error.field or credential.place
            raise

    def share_tickets(self, tickets: "SharedTickets") -> None:
        """Issue and redeem tickets together with other gateways from now on."""
        self._shared_tickets = tickets

    async def issue_ticket(
        self, principal: Principal, *, task_id: str | None = None, pipeline_id: str | None = None
    ) -> str:
        """A ticket that lets ``principal`` read, and only this task or pipeline if one is given.

        Raises:
            ApiError: PERMISSION_DENIED; RESOURCE_EXHAUSTED if too many tickets are unused; UNAVAILABLE.
        """
        if self._shared_tickets is not None:
            return await self._shared_tickets.issue(principal, task_id=task_id, pipeline_id=pipeline_id)
        return self.tickets.issue(principal, task_id=task_id, pipeline_id=pipeline_id)

    async def redeem(self, ticket: str) -> Principal:
        """Redeem a ticket and return its principal. A ticket works once.

        Raises:
            ApiError: UNAUTHENTICATED, or UNAVAILABLE if gateways share tickets and their database is unavailable.
        """
        if not self.enabled:
            return ANONYMOUS
        try:
            if self._shared_tickets is not None:
                principal = await self._shared_tickets.redeem(ticket)
            else:
                principal = self.tickets.redeem(ticket)
        except ApiError:
            self._refused += 1
            raise
        self._accepted += 1
        return principal

    async def _principal(self, token: str | None) -> Principal:
        if not token:
            raise ApiError("UNAUTHENTICATED", "a token is needed: send `Authorization: Bearer <token>`")
        key = sha256(token.encode(errors="surrogatepass")).digest()
        remembered = self._remembered.get(key)
        if remembered is not None:
            principal, good_until = remembered
            if self._clock() < good_until:
                return principal
            del self._remembered[key]
        if self._verifier is None:
            raise RuntimeError("tokens are looked at only where credentials are configured")
        claims = await self._verifier.verify(token)
        try:
            principal = principal_of_claims(claims, self.settings.leeway_seconds)
        except ClaimsError as error:
            raise ApiError("UNAUTHENTICATED", str(error)) from None
        self._remember(key, principal)
        return principal

    def _remember(self, key: bytes, principal: Principal) -> None:
        self._remembered.pop(key, None)
        if len(self._remembered) >= REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        good_until = self._clock() + REMEMBERED_SECONDS_MAX
        if principal.expires_at is not None:
            good_until = min(good_until, principal.expires_at)
        self._remembered[key] = (principal, good_until)


def _verification(settings: AuthSettings) -> "tuple[KeySet | None, Verifier]":
    """Imported where tokens are verified: what that needs (cryptography) takes 9 MB and 0.1 s."""
    from gateway.auth.jwks import KeySet
    from gateway.auth.verifier import Verifier

    key_set = KeySet(settings.jwks_url) if settings.jwks_url is not None else None
    return key_set, Verifier(settings, key_set)
