"""What an attack is, and the gateways that are attacked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import httpx2

from tests.support.gateway_process import GatewayProcess
from tests.support.signed_tokens import SECRET, bearer, make_token

__all__ = ["ATTACKS", "AUDIENCE", "SETTINGS", "Attack", "Door", "Target", "attack"]

AUDIENCE: Final = "otto"
Door = Literal["open", "guarded", "grpcio"]
"""A gateway with the defaults, one with credentials, and one on grpcio's server."""
SETTINGS: Final[dict[Door, dict[str, str]]] = {
    "open": {"REQUEST_SECONDS_MAX": "2", "AUTOMATION_ENABLED": "true"},
    "guarded": {"JWT_SECRET": SECRET, "JWT_AUDIENCE": AUDIENCE},
    "grpcio": {"GRPC_SERVER": "grpcio"},
}


@dataclass(frozen=True)
class Target:
    """A gateway, and how hard it is attacked."""

    gateway: GatewayProcess
    is_long: bool
    folder: Path

    def times(self, short: int, long: int) -> int:
        """How often something is done."""
        return long if self.is_long else short

    def client(self, subject: str = "attacker", **options: object) -> httpx2.AsyncClient:
        """A client with a good token, where tokens are asked for."""
        return httpx2.AsyncClient(base_url=self.gateway.url, headers=bearer(self.token(subject)), timeout=60)

    def token(self, subject: str = "attacker") -> str:
        """A token that is right."""
        return make_token(scopes=("logs:read", "logs:write"), subject=subject, aud=AUDIENCE)


@dataclass(frozen=True)
class Attack:
    """One row of the table.

    Attributes:
        name: of the function.
        expected: what a gateway does that holds.
        door: which gateway is attacked.
        run: attacks, and returns what was seen; an AssertionError is what was seen instead of what was expected.
        is_long_only: whether it needs more time or processors than a test may use.
    """

    name: str
    expected: str
    door: Door
    run: Callable[[Target], Awaitable[str]]
    is_long_only: bool = False


ATTACKS: Final[dict[str, Attack]] = {}


def attack(
    expected: str, *, door: Door = "open", is_long_only: bool = False
) -> Callable[[Callable[[Target], Awaitable[str]]], Callable[[Target], Awaitable[str]]]:
    """Put a function into the table."""

    def put(run: Callable[[Target], Awaitable[str]]) -> Callable[[Target], Awaitable[str]]:
        name = run.__name__.replace("_", " ")
        ATTACKS[name] = Attack(name, expected, door, run, is_long_only)
        return run

    return put
