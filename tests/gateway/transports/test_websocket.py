import inspect

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

from gateway.transports.websocket import text_frame, texts_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_frame_is_what_the_library_would_make(size: int) -> None:
    """At every size of its length field."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_frames_can_be_taken_apart_again() -> None:
    """For transports that do not take frames."""
    texts = ["", "a", "\u00fc" * 70, "y" * 125, "z" * 126, "w" * 70_000]
    assert texts_of(b"".join(text_frame(text.encode()) for text in texts)) == texts


def test_uvicorn_still_has_what_frames_are_written_with() -> None:
    """See ``FramedWebSocketProtocol``."""
    source = inspect.getsource(WebSocketsSansIOProtocol)
    for attribute in (
        "self.transport",
        "self.writable",
        "self.disconnected",
        "self.close_sent",
        "self.handshake_complete",
        "self.ping_interval",
    ):
        assert f"{attribute}" in source
    assert "await self.writable.wait()" in inspect.getsource(WebSocketsSansIOProtocol.send)
    assert "self.app(self.scope" in inspect.getsource(WebSocketsSansIOProtocol.run_asgi)
