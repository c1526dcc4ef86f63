"""Cutting what arrives into frames."""

from collections.abc import Sequence
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from gateway.grpc_server.frames import PREFACE, FrameSplitter, data_header, window_update

FRAME_BYTES_MAX = 64


def _data(size: int) -> bytes:
    return data_header(1, size) + bytes(size)


def _taken(splitter: FrameSplitter, count: int | None = None) -> list[bytes]:
    return [frame.data[frame.start : frame.end] for frame in islice(splitter.frames(), count)]


def test_small_frames_are_not_held_up_by_the_size_of_one_before() -> None:
    """What is left after a pause is taken, even where the frame before it was larger than all of that."""
    large, small = _data(50), window_update(0, 1)
    splitter = FrameSplitter(FRAME_BYTES_MAX)
    splitter.feed(PREFACE + large[:-1])
    assert _taken(splitter) == []
    splitter.feed(large[-1:] + small)
    assert _taken(splitter, 1) == [large]
    assert _taken(splitter) == [small]


@given(
    sizes=st.lists(st.integers(0, FRAME_BYTES_MAX), max_size=12),
    cuts=st.lists(st.integers(1, 100), max_size=12),
    counts=st.lists(st.integers(1, 4), max_size=12),
)
def test_every_frame_is_cut_out_once_and_in_order(sizes: Sequence[int], cuts: list[int], counts: list[int]) -> None:
    """Wherever reads end, and wherever the caller pauses: nothing that is complete is left when it takes all."""
    frames = [_data(size) for size in sizes]
    wire = PREFACE + b"".join(frames)
    splitter = FrameSplitter(FRAME_BYTES_MAX)
    taken: list[bytes] = []
    while wire:
        size = cuts.pop() if cuts else len(wire)
        splitter.feed(wire[:size])
        wire = wire[size:]
        taken += _taken(splitter, counts.pop() if counts else 1)
    taken += _taken(splitter)
    assert taken == frames
    assert not splitter.is_amid_frame
