import pytest

from filters.entry import LEVEL_BITS, encode_lines
from storage.journal.chunks import ChunkDamagedError, open_payload, pack
from storage.journal.level_counts import LEVEL_MASK
from tests.support.journal_items import entry


def test_a_chunk_knows_what_is_in_it() -> None:
    """Levels and times say whether it is worth opening; the lines come back as they were."""
    entries = [
        entry("a", level="ERROR", at="2026-01-02T00:00:00.000000000Z"),
        entry("b", at="2026-01-01T00:00:00.000000000Z"),
    ]
    (chunk,) = pack(entries)
    assert chunk.levels & LEVEL_MASK == LEVEL_BITS["ERROR"] | LEVEL_BITS["INFO"]
    assert chunk.earliest < chunk.latest
    opened = open_payload(chunk.codec, chunk.raw_size, chunk.checksum, chunk.payload, task_id="t", first=5, last=6)
    assert opened == chunk.lines == encode_lines(entries)


def test_compression_is_used_where_it_pays() -> None:
    """A short chunk is stored as it is, a long one is packed."""
    (few,) = pack([entry("a")])
    (many,) = pack([entry("compiling module") for _ in range(100)])
    assert few.codec == 0
    assert many.codec == 1
    assert len(many.payload) < many.raw_size / 5


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10], [1]),
        ([0] * 5000, [5000]),
        ([1 << 20, 1], [1, 1]),
        ([2 << 20, 2 << 20], [1, 1]),
        ([500_000, 500_000, 500_000], [2, 1]),
    ],
)
def test_chunks_are_bounded(sizes: list[int], expected: list[int]) -> None:
    """In lines and in bytes; a line that is larger than a chunk has one to itself."""
    assert [len(chunk.lines) for chunk in pack([entry("x" * size) for size in sizes])] == expected


@pytest.mark.parametrize("damage", ["payload", "size", "count", "codec"])
def test_damage_names_the_lines(damage: str) -> None:
    """Whatever does not fit together is refused, never returned in part."""
    (chunk,) = pack([entry("compiling module") for _ in range(20)])
    codec, size, payload, last = chunk.codec, chunk.raw_size, chunk.payload, 20
    if damage == "payload":
        payload = payload[:-1] + bytes([payload[-1] ^ 1])
    elif damage == "size":
        size += 1
    elif damage == "count":
        last = 21
    else:
        codec = 0
    with pytest.raises(ChunkDamagedError, match=f"lines 1 to {last} of task 'build'"):
        open_payload(codec, size, chunk.checksum, payload, task_id="build", first=1, last=last)
