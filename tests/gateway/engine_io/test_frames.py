import pytest
from websockets.frames import Frame, Opcode

from gateway.engine_io.frames import FramedPackets, text_frame, texts_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_text_frame_is_what_the_library_would_make(size: int) -> None:
    """At every size of its length field."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_frames_can_be_taken_apart_again() -> None:
    """For long polling, which takes texts."""
    texts = ["", "a", "\u00fc" * 70, "y" * 125, "z" * 126, "w" * 70_000]
    assert texts_of(b"".join(text_frame(text.encode()) for text in texts)) == texts
    assert FramedPackets.of("4hello").texts() == ["4hello"]
