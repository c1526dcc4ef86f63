"""Encoded lines kept for sessions that are behind, within a number of bytes."""

from sessions.encoded_batch_cache import OVERHEAD_BYTES, EncodedBatchCache
from sessions.transport import EncodedBatch


def batch(start: int, size: int = 100) -> EncodedBatch:
    return EncodedBatch(start, start + 1, 1, b"", size)


def of(count: int, size: int = 100) -> int:
    """Bytes that so many batches count for."""
    return count * (size + OVERHEAD_BYTES)


def test_the_batch_that_was_not_asked_for_longest_goes_first() -> None:
    """As soon as there is no room for all, and no sooner; the size is always that of what is left."""
    cache = EncodedBatchCache(of(3))
    first, second, third, fourth = (batch(start) for start in range(4))
    for each in (first, second, third):
        cache.put(1, each)
    assert cache.size == of(3)
    assert cache.get(1, 0) is first
    cache.put(1, fourth)
    assert [cache.get(1, start) for start in range(4)] == [first, None, third, fourth]
    assert cache.size == of(3)


def test_a_batch_replaces_the_one_with_its_start_of_its_channel() -> None:
    """It counts once; another channel's is another one."""
    cache = EncodedBatchCache(of(10))
    cache.put(1, batch(0))
    cache.put(2, other := batch(0))
    cache.put(1, larger := batch(0, size=300))
    assert (cache.get(1, 0), cache.get(2, 0)) == (larger, other)
    assert cache.size == of(1, 300) + of(1)


def test_what_is_dropped_counts_no_longer() -> None:
    """And dropping what is not there changes nothing."""
    cache = EncodedBatchCache(of(10))
    cache.put(1, batch(0))
    for _ in range(2):
        cache.drop(1, 0)
        cache.drop(2, 0)
    assert (cache.get(1, 0), cache.size) == (None, 0)


def test_a_batch_that_is_larger_than_everything_is_not_kept() -> None:
    """Nor anything else beside it."""
    cache = EncodedBatchCache(of(2))
    cache.put(1, batch(0))
    cache.put(1, batch(1, size=10_000))
    assert (cache.get(1, 0), cache.get(1, 1), cache.size) == (None, None, 0)
