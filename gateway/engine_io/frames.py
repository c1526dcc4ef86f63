"""Texts as WebSocket frames of a server, made once and written to many (RFC 6455, section 5.2)."""

from typing import Final

__all__ = ["FramedPackets", "text_frame", "texts_of"]

_TEXT: Final = 0x81  # final fragment, opcode 1
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF


class FramedPackets:
    """Packets that are ready for any client; shared by all who receive them.

    Attributes:
        frames: one WebSocket frame per packet.
    """

    __slots__ = ("frames",)

    def __init__(self, frames: bytes) -> None:
        self.frames = frames

    def __repr__(self) -> str:
        return f"<FramedPackets {len(self.frames)} bytes>"

    @classmethod
    def of(cls, text: str) -> "FramedPackets":
        """One packet."""
        return cls(text_frame(text.encode()))

    def texts(self) -> list[str]:
        """The packets as texts, for long polling."""
        return texts_of(self.frames)


def text_frame(payload: bytes) -> bytes:
    """A text message as one unmasked frame."""
    size = len(payload)
    if size <= _SHORT_MAX:
        return b"%c%c%b" % (_TEXT, size, payload)
    if size <= _MEDIUM_MAX:
        return b"%c\x7e%b%b" % (_TEXT, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (_TEXT, size.to_bytes(8, "big"), payload)


def texts_of(frames: bytes) -> list[str]:
    """The messages in frames that ``text_frame`` made."""
    texts = []
    at = 0
    while at < len(frames):
        size = frames[at + 1]
        at += 2
        if size > _SHORT_MAX:
            length_bytes = 2 if size == _SHORT_MAX + 1 else 8
            size = int.from_bytes(frames[at : at + length_bytes], "big")
            at += length_bytes
        texts.append(frames[at : at + size].decode())
        at += size
    return texts
