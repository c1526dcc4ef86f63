"""Addresses that only programs on this machine can reach, and the one that listens on all interfaces."""

import ipaddress
from typing import Final

__all__ = ["EVERY_ADDRESS", "LOOPBACK", "LOOPBACK_NAMES", "is_loopback"]

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_NAMES: Final = ("localhost", LOOPBACK, "[::1]")
EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - only where credentials are configured


def is_loopback(host: str) -> bool:
    """Whether a name or address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
