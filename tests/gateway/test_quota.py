"""Places by principal and by address."""

import pytest

from gateway.addresses import TrustedAddresses, address_key, peer_address
from gateway.errors import ApiError
from gateway.quota import ByteQuota, Quota


def test_a_principal_holds_no_more_than_its_places() -> None:
    """The next one is refused and counted; another's places, and one that was left, are free."""
    quota = Quota(per_principal=2)
    first, _ = (quota.enter(principal="a") for _ in range(2))
    with pytest.raises(ApiError, match="as many connections as one may \\(2\\)") as refused:
        quota.enter(principal="a")
    assert refused.value.code == "RESOURCE_EXHAUSTED"
    quota.enter(principal="b")
    first.leave()
    first.leave()  # once counts
    quota.enter(principal="a")
    with pytest.raises(ApiError):
        quota.enter(principal="a")
    assert quota.statistics.refused == {"principal": 2, "address": 0}


def test_a_refusal_takes_no_place() -> None:
    """Anyone who is over one limit uses up nothing of the other."""
    quota = Quota(per_principal=1, per_address=1)
    quota.enter(principal="a", address="192.0.2.1").leave()
    lease = quota.enter(principal="a")
    with pytest.raises(ApiError):
        quota.enter(principal="a", address="192.0.2.1")
    lease.leave()
    quota.enter(principal="a", address="192.0.2.1")


def test_nothing_is_remembered_of_those_that_left() -> None:
    """Any number of addresses may come and go."""
    quota = Quota(per_address=1)
    for number in range(100):
        quota.enter(address=f"192.0.2.{number}").leave()
    assert "held=0" in repr(quota)


def test_proxies_and_zero_have_no_limit() -> None:
    """A proxy speaks for many; 0 switches a limit off."""
    quota = Quota(per_address=1, proxies=TrustedAddresses(["10.0.0.0/8"]))
    for _ in range(3):
        quota.enter(principal="a", address="10.1.2.3")
        quota.check_address("10.1.2.3", 99)
    with pytest.raises(ApiError):
        quota.check_address("192.0.2.1", 1)
    Quota().check_address("192.0.2.1", 99)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, key: str) -> None:
    """Of IPv6 the network: its owner has as many addresses as it likes."""
    assert address_key(address) == key


def test_trusted_addresses_are_matched_by_network() -> None:
    """Addresses, networks, everything; and what is no address is only itself."""
    trusted = TrustedAddresses(["127.0.0.1", "10.0.0.0/8", "::1", "unix"])
    assert [each in trusted for each in ("127.0.0.1", "10.9.8.7", "::1", "unix")] == [True] * 4
    assert [each in trusted for each in ("127.0.0.2", "11.0.0.1", "::2", "", "other")] == [False] * 5
    assert "anything" in TrustedAddresses(["*"])


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:192.0.2.1:50", "192.0.2.1"), ("ipv6:%5B2001:db8::1%5D:50", "2001:db8::1"), ("unix:/a", "unix:/a")],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    """As gRPC writes it."""
    assert peer_address(peer) == address


def test_bytes_are_counted_by_subject_and_by_address() -> None:
    """Whichever of the two holds too much; a refusal takes nothing and is counted, and leaving gives all back once."""
    quota = Quota(per_principal=1, per_address=1, proxies=TrustedAddresses(("10.0.0.1",)))
    held = ByteQuota(quota, 100, "SETTING")
    first = held.open(principal="alice", address="192.0.2.1")
    second = held.open(principal="alice", address="192.0.2.2")
    third = held.open(principal="bob", address="192.0.2.1")
    assert first.take(60) == second.take(40) == third.take(40) == ""
    assert "the subject of this token" in second.take(1)
    assert "SETTING" in third.take(1)
    assert quota.statistics.refused == {"principal": 1, "address": 1}
    assert held.open(principal="carol", address="10.0.0.1").take(100) == ""
    first.leave()
    first.leave()
    assert second.take(60) == third.take(60) == ""
