"""Addresses of clients: which of them are trusted proxies, and which count as one client."""

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

__all__ = ["TrustedAddresses", "address_key", "peer_address"]

_NETWORK_BITS: Final = 64
"""Of an IPv6 address; the rest is given out by the client's own network, as many as it likes."""


class TrustedAddresses:
    """Addresses and networks (``10.0.0.0/8``) of proxies; ``*`` is every address."""

    def __init__(self, texts: Iterable[str]) -> None:
        """What is neither is compared as text: a socket's path, or a name that a test client gives itself."""
        self._everything = False
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._texts: set[str] = set()
        for text in texts:
            if text == "*":
                self._everything = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                self._texts.add(text)

    def __repr__(self) -> str:
        return f"<TrustedAddresses {'*' if self._everything else len(self._networks) + len(self._texts)}>"

    def __contains__(self, address: object) -> bool:
        if self._everything or address in self._texts:
            return True
        try:
            parsed = ipaddress.ip_address(str(address))
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def address_key(address: str) -> str:
    """What a limit per address counts under: the address itself, of IPv6 its network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _NETWORK_BITS), strict=False))


def peer_address(peer: str) -> str:
    """The address in what gRPC calls a peer: ``ipv4:192.0.2.1:5000``, ``ipv6:%5B::1%5D:5000``."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return unquote(rest).rpartition(":")[0].strip("[]")
