"""Addresses of this machine alone."""

import pytest

from gateway.settings.loopback import EVERY_ADDRESS, LOOPBACK, is_loopback


@pytest.mark.parametrize("host", [LOOPBACK, "localhost", "127.8.8.8", "::1"])
def test_loopback_addresses_are_of_this_machine(host: str) -> None:
    """By name, and whole networks of them."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", [EVERY_ADDRESS, "localhost.example.org", "10.0.0.1", "::", ""])
def test_other_addresses_are_not_loopback(host: str) -> None:
    """A name that only looks like it, and the address of all interfaces."""
    assert not is_loopback(host)
