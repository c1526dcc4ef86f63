"""Connection limits per principal and per address, so that one client cannot use up all connections."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.addresses import TrustedAddresses, address_key
from gateway.errors import ApiError

__all__ = ["ADDRESS", "PRINCIPAL", "ByteQuota", "HeldBytes", "Lease", "Quota", "QuotaStatistics"]

PRINCIPAL: Final = "principal"
ADDRESS: Final = "address"
RETRY_AFTER_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStatistics:
    """Connections that were refused since the start, by the limit that they were over."""

    refused: Mapping[str, int]


class Lease:
    """What one connection holds of a quota."""

    __slots__ = ("_keys", "_quota")

    def __init__(self, quota: "Quota", keys: Collection[tuple[str, str]]) -> None:
        self._quota = quota
        self._keys = keys

    def __repr__(self) -> str:
        return f"<Lease {len(self._keys)} limits>"

    def leave(self) -> None:
        """Give it back; idempotent."""
        keys, self._keys = self._keys, ()
        self._quota._give_back(keys)


class Quota:
    """Counts the connections of one kind, by principal and by address.

    Trusted proxies and tokens without a limit are not counted: a proxy speaks for many clients, each of which is
    counted under the address that the proxy names.
    """

    def __init__(
        self, *, per_principal: int = 0, per_address: int = 0, proxies: TrustedAddresses | None = None
    ) -> None:
        """0: no limit."""
        self._limits = {PRINCIPAL: per_principal, ADDRESS: per_address}
        self._proxies = proxies if proxies is not None else TrustedAddresses(())
        self._held: Counter[tuple[str, str]] = Counter()
        self._refused = {PRINCIPAL: 0, ADDRESS: 0}

    def __repr__(self) -> str:
        limits = " ".join(f"{kind}<={limit}" for kind, limit in self._limits.items())
        return f"<Quota {limits} held={len(self._held)} refused={self._refused}>"

    @property
    def statistics(self) -> QuotaStatistics:
        """An immutable snapshot."""
        return QuotaStatistics(refused=dict(self._refused))

    def enter(self, *, principal: str | None = None, address: str | None = None) -> Lease:
        """Take a place; None is not counted.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        keys = self.keys_of(principal, address)
        for key in keys:
            if self._held[key] >= self._limits[key[0]]:
                raise self._refusal(key[0])
        self._held.update(keys)
        return Lease(self, keys)

    def keys_of(self, principal: str | None, address: str | None) -> list[tuple[str, str]]:
        """What a connection is counted under: its principal, its address, both or none."""
        keys = []
        if principal is not None and self._limits[PRINCIPAL]:
            keys.append((PRINCIPAL, principal))
        if address is not None and self._limits[ADDRESS] and address not in self._proxies:
            keys.append((ADDRESS, address_key(address)))
        return keys

    def count_refusal(self, kind: str) -> None:
        """Something else of this principal or address was refused."""
        self._refused[kind] += 1

    def check_address(self, address: str, held: int) -> None:
        """Check that an address with this many connections may open another one; for callers that count.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        if 0 < self._limits[ADDRESS] <= held and address not in self._proxies:
            raise self._refusal(ADDRESS)

    def _refusal(self, kind: str) -> ApiError:
        self._refused[kind] += 1
        whose = "the subject of this token" if kind == PRINCIPAL else "this address"
        return ApiError(
            "RESOURCE_EXHAUSTED",
            f"{whose} holds as many connections as one may ({self._limits[kind]}); close some of them",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    def _give_back(self, keys: Collection[tuple[str, str]]) -> None:
        for key in keys:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]


class ByteQuota:
    """Counts bytes of requests under way, by principal and by address as ``quota`` does for connections.

    Args:
        quota: says who is counted.
        bytes_max: of one principal, and of one address.
        setting: what the limit follows from, for refusals.
    """

    def __init__(self, quota: Quota, bytes_max: int, setting: str) -> None:
        self._quota = quota
        self._bytes_max = bytes_max
        self._setting = setting
        self._held: Counter[tuple[str, str]] = Counter()

    def __repr__(self) -> str:
        return f"<ByteQuota {len(self._held)} clients, {self._bytes_max} bytes each>"

    @property
    def held(self) -> dict[tuple[str, str], int]:
        """The bytes that are held, by who is counted; who holds none is not in it."""
        return dict(self._held)

    def open(self, *, principal: str, address: str) -> "HeldBytes":
        """A request that holds nothing yet."""
        return HeldBytes(self, self._quota.keys_of(principal, address))

    def _take(self, keys: Collection[tuple[str, str]], count: int) -> str:
        for key in keys:
            if self._held[key] + count > self._bytes_max:
                self._quota.count_refusal(key[0])
                whose = "the subject of this token" if key[0] == PRINCIPAL else "this address"
                text = f"requests of {whose} that are not answered yet hold {self._held[key]} bytes"
                return f"{text}, and {self._bytes_max} at most ({self._setting}); send fewer at once"
        for key in keys:
            self._held[key] += count
        return ""

    def _give_back(self, keys: Collection[tuple[str, str]], count: int) -> None:
        for key in keys:
            self._held[key] -= count
            if not self._held[key]:
                del self._held[key]


class HeldBytes:
    """What one request holds of a ``ByteQuota``."""

    __slots__ = ("_count", "_keys", "_quota")

    def __init__(self, quota: ByteQuota, keys: Collection[tuple[str, str]]) -> None:
        self._quota = quota
        self._keys = keys
        self._count = 0

    def __repr__(self) -> str:
        return f"<HeldBytes {self._count}>"

    def take(self, count: int) -> str:
        """Count arrived bytes. Returns the reason if they are refused, else an empty text."""
        refusal = self._quota._take(self._keys, count)
        if not refusal:
            self._count += count
        return refusal

    def leave(self) -> None:
        """Give them back; idempotent."""
        count, self._count = self._count, 0
        self._quota._give_back(self._keys, count)
