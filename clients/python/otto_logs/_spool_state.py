"""What a spool on disk knows of its lines: which have a number, which are stored, dropped or damaged.

Every line and item has an ordinal that grows by one. The ledger changes by calls of its methods, and the same
calls, repeated from the records of a file, make the same ledger: that is how a spool comes back.
"""

import json
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from otto_logs._spool import Address, DropMark

__all__ = ["Gap", "NumberedRequest", "SpoolState", "pack_ordinals", "unpack_ordinals"]

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class NumberedRequest:
    """The content of a numbered request: a gap, then lines of one worker; without an address, one item."""

    number: int
    address: Address | None
    ordinals: list[int]
    mark: DropMark | None

    def to_json(self) -> list[Any]:
        return [self.number, self.address, pack_ordinals(self.ordinals), self.mark and asdict(self.mark)]

    @classmethod
    def from_json(cls, value: list[Any]) -> "NumberedRequest":
        number, address, ordinals, mark = value
        return cls(
            int(number),
            Address(*address) if address else None,
            unpack_ordinals(ordinals),
            DropMark(**mark) if mark else None,
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing lines that no numbered request reports yet, and the ordinal of the first."""

    ordinal: int
    mark: DropMark


class SpoolState:
    """The state of a spool on disk, apart from the lines themselves.

    Attributes:
        producer_id: names the numbering.
        number: the last one given to a request.
        acknowledged: the last one that the gateway has on disk.
        low: every ordinal below has a number, or is gone; so have those in ``taken``, and no other.
        sealed: the requests that are numbered and not acknowledged, in order.
        kept: items that are no longer needed in their segment, by ordinal; they are taken.
        positions: how far files were read, as ``otto-logs send --follow`` remembers it.
    """

    def __init__(self, producer_id: str) -> None:
        self.producer_id = producer_id
        self.number = 0
        self.acknowledged = 0
        self.low = 1
        self.taken: set[int] = set()
        self.sealed: deque[NumberedRequest] = deque()
        self.gaps: dict[Address, Gap] = {}
        self.kept: dict[int, bytes] = {}
        self.positions: dict[str, Any] = {}

    def __repr__(self) -> str:
        return (
            f"<SpoolState number={self.number} acknowledged={self.acknowledged} low={self.low} taken={len(self.taken)}>"
        )

    def is_pending(self, ordinal: int) -> bool:
        """Whether nothing has become of it yet."""
        return ordinal >= self.low and ordinal not in self.taken

    def pending_among(self, first: int, end: int) -> int:
        """How many of the ordinals from ``first`` up to and without ``end`` are pending."""
        first = max(first, self.low)
        return max(0, end - first) - sum(first <= ordinal < end for ordinal in self.taken)

    def take(self, ordinals: Iterable[int]) -> None:
        """These are no longer pending."""
        self.taken.update(ordinal for ordinal in ordinals if ordinal >= self.low)
        while self.low in self.taken:
            self.taken.remove(self.low)
            self.low += 1

    def numbered(self, sealed: NumberedRequest) -> None:
        """A request has its number and content for good."""
        self.number = sealed.number
        self.sealed.append(sealed)
        self.take(sealed.ordinals)
        gap = self.gaps.get(sealed.address) if sealed.address is not None else None
        if gap is None or sealed.mark is None or sealed.address is None:
            return
        rest = DropMark(
            max(0, gap.mark.dropped - sealed.mark.dropped),
            max(0, gap.mark.damaged - sealed.mark.damaged),
            gap.mark.time_unix_nano,
        )
        if rest.dropped or rest.damaged:
            self.gaps[sealed.address] = Gap(gap.ordinal, rest)
        else:
            del self.gaps[sealed.address]

    def acknowledge(self, number: int) -> list[int]:
        """Everything up to ``number`` is stored; the ordinals that no segment needs to keep any more."""
        stored: list[int] = []
        while self.sealed and self.sealed[0].number <= number:
            first = self.sealed.popleft()
            if first.address is None and self.kept.pop(first.ordinals[0] if first.ordinals else 0, None) is not None:
                continue
            stored += first.ordinals
        self.acknowledged = max(self.acknowledged, number)
        self.number = max(self.number, number)
        return stored

    def miss(self, address: Address, ordinals: Sequence[int], mark: DropMark) -> None:
        """These lines were dropped, or cannot be read."""
        self.take(ordinals)
        gap = self.gaps.get(address)
        self.gaps[address] = (
            Gap(min(ordinals, default=self.low), mark) if gap is None else Gap(gap.ordinal, gap.mark.plus(mark))
        )

    def keep(self, ordinal: int, item: bytes) -> None:
        """An item outlives its segment."""
        self.kept[ordinal] = item
        self.take((ordinal,))

    def renumber(self, producer_id: str) -> None:
        """The gateway has another journal: what is not acknowledged is numbered from 1, under another id."""
        self.producer_id = producer_id
        self.sealed = deque(replace(sealed, number=number) for number, sealed in enumerate(self.sealed, 1))
        self.acknowledged = 0
        self.number = len(self.sealed)

    def kept_pending(self) -> list[tuple[int, bytes]]:
        """The kept items that no request has, in order."""
        sealed = {sealed.ordinals[0] for sealed in self.sealed if sealed.address is None and sealed.ordinals}
        return sorted((ordinal, item) for ordinal, item in self.kept.items() if ordinal not in sealed)

    def pending_in_order(self) -> list[tuple[int, bytes | tuple[Address, DropMark]]]:
        """Kept items that have no number yet, and gaps that no request reports, by their ordinals."""
        pending: list[tuple[int, bytes | tuple[Address, DropMark]]] = [*self.kept_pending()]
        pending += ((gap.ordinal, (address, gap.mark)) for address, gap in self.gaps.items())
        return sorted(pending, key=lambda one: one[0])

    def to_json(self) -> bytes:
        """All of it; ``from_json`` is the opposite."""
        value = {
            "version": _VERSION,
            "producer": self.producer_id,
            "number": self.number,
            "acknowledged": self.acknowledged,
            "low": self.low,
            "taken": pack_ordinals(sorted(self.taken)),
            "sealed": [sealed.to_json() for sealed in self.sealed],
            "gaps": [[address, gap.ordinal, asdict(gap.mark)] for address, gap in self.gaps.items()],
            "kept": [[ordinal, item.hex()] for ordinal, item in self.kept.items()],
            "positions": self.positions,
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "SpoolState":
        """A ledger as ``to_json`` gave it.

        Raises:
            ValueError: another version wrote it.
        """
        value = json.loads(data)
        if value["version"] != _VERSION:
            raise ValueError(f"the spool is of version {value['version']}, and this program reads {_VERSION}")
        state = cls(value["producer"])
        state.number, state.acknowledged, state.low = value["number"], value["acknowledged"], value["low"]
        state.taken = set(unpack_ordinals(value["taken"]))
        state.sealed = deque(NumberedRequest.from_json(sealed) for sealed in value["sealed"])
        state.gaps = {Address(*address): Gap(ordinal, DropMark(**mark)) for address, ordinal, mark in value["gaps"]}
        state.kept = {ordinal: bytes.fromhex(item) for ordinal, item in value["kept"]}
        state.positions = value["positions"]
        return state


def pack_ordinals(ordinals: Sequence[int]) -> list[int]:
    """Runs of consecutive ordinals, each as its first and its length."""
    packed: list[int] = []
    index = 0
    while index < len(ordinals):
        # Where i + ordinals[index] - index equals ordinals[i], the run continues; it can only stop once.
        first = ordinals[index]
        end = bisect_left(
            range(index + 1, len(ordinals)), True, key=lambda at: ordinals[at] != first + at - index
        ) + index + 1  # fmt: skip
        packed += (first, end - index)
        index = end
    return packed


def unpack_ordinals(packed: Sequence[int]) -> list[int]:
    """The opposite of ``pack_ordinals``."""
    return [
        ordinal
        for first, count in zip(packed[::2], packed[1::2], strict=True)
        for ordinal in range(first, first + count)
    ]
