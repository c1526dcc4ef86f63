"""Which addresses a webhook may reach: what a name means is looked up once, checked, and used as it was checked."""

import asyncio
import ipaddress
import socket
from typing import Final

__all__ = ["AddressError", "public_address"]

_LOOKUP_SECONDS_MAX: Final = 5.0


class AddressError(Exception):
    """A host that may not be reached, or that has no address."""


async def public_address(host: str, port: int, *, is_private: bool) -> str:
    """An address of a host.

    Args:
        host: a name or an address.
        port: to connect to.
        is_private: whether addresses that are not public are allowed.

    Raises:
        AddressError: it has none, or one that is not public: then none of them is used.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS_MAX):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        raise AddressError(f"{host} has no address: {error}") from error
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        if not is_private and not _is_public(address):
            raise AddressError(f"{host} is {address}, which is not public; allow_private: true allows it")
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)
