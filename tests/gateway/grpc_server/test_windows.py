"""Windows of what is received, and the pool that they grow from."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.grpc_server.windows import ReceiveWindow, WindowPool

SIZE, BYTES_MAX = 100, 400


@given(
    pool_bytes=st.integers(0, 600),
    steps=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, BYTES_MAX), st.integers(0, BYTES_MAX), st.integers(0, 500)),
        max_size=40,
    ),
)
def test_windows_never_exceed_their_limits_and_the_pool_is_whole_again(
    pool_bytes: int, steps: list[tuple[int, int, int, int]]
) -> None:
    """Whatever arrives, is consumed, and is missing: what the peer may have under way is bounded, and given back."""
    pool = WindowPool(pool_bytes)
    windows = [ReceiveWindow(SIZE, BYTES_MAX, pool) for _ in range(2)]
    held = [0, 0]
    for which, arriving, consumed, missing in steps:
        window = windows[which]
        arrived = min(arriving, window.left)
        window.left -= arrived
        held[which] += arrived
        done = min(consumed, held[which])
        held[which] -= done
        window.consume(done)
        window.update(missing=missing)
        assert 0 <= pool.used <= pool_bytes
        assert all(each.left + kept <= BYTES_MAX for each, kept in zip(windows, held, strict=True))
        assert sum(each.left + kept for each, kept in zip(windows, held, strict=True)) <= 2 * SIZE + pool_bytes
    for window in windows:
        window.close()
    assert pool.used == 0


def test_credit_is_given_in_quarters() -> None:
    """Fewer frames, and the peer never runs dry."""
    window = ReceiveWindow(SIZE, SIZE, WindowPool(0))
    window.left -= 30
    window.consume(20)
    assert not window.is_due
    assert window.update() == 0
    window.consume(10)
    assert window.is_due
    assert window.update() == 30
    assert window.left == SIZE


def test_a_window_grows_for_a_message_that_is_larger() -> None:
    """Up to the limit: without that, the message would never be complete."""
    window = ReceiveWindow(SIZE, BYTES_MAX, WindowPool(1_000))
    window.left -= SIZE
    assert window.update(missing=250) == 250
    assert window.update(missing=10_000) == BYTES_MAX - SIZE - 250


def test_a_window_that_has_grown_returns_what_is_scarce() -> None:
    """Its next credit goes to the pool instead of to the peer, so that others can grow."""
    pool = WindowPool(300)
    window = ReceiveWindow(SIZE, BYTES_MAX, pool)
    window.left -= SIZE
    assert window.update(missing=300) == 300
    assert pool.is_scarce
    window.left -= 200
    window.consume(200)
    assert window.update() == 0
    assert pool.used == 100
    assert not pool.is_scarce
