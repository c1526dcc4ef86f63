"""Lines that have broken log viewers, and what becomes of each: itself, unless it is no UTF-8 or too long."""

from typing import Final

__all__ = ["AWKWARD_LINES", "MESSAGE_BYTES_MAX", "as_shown", "as_stored"]

MESSAGE_BYTES_MAX: Final = 65_536

AWKWARD_LINES: Final[dict[str, bytes]] = {
    "empty": b"",
    "a blank": b" ",
    "only blanks": b" \t   ",
    "blanks around": b"  a  ",
    "ANSI": b"\x1b[1;31merror\x1b[0m \x1b[2K\x1b]0;title\x07",
    "NUL": b"a\x00b",
    "NUL alone": b"\x00",
    "NUL at the end": b"a\x00",
    "every control character": bytes(range(0x20)).replace(b"\n", b"").replace(b"\r", b"") + b"\x7f",
    "C1 controls": "".join(map(chr, range(0x80, 0xA0))).encode(),
    "record separator": b"a\x1eb\x1e",
    "CRLF": b"a\r",
    "lone CR": b"10%\r20%\r30%",
    "CR first": b"\ra",
    "line feeds inside": b"a\nb\n\nc",
    "line separators": "a\u2028b\u2029c\u0085d\x0b\x0ce".encode(),
    "a byte order mark": "\ufeffa".encode(),
    "an SSE field": b"data: x",
    "an SSE id": b"id: 00000000-1",
    "an SSE event": b"event: complete",
    "an SSE retry": b"retry: 0",
    "an SSE comment": b": x",
    "an SSE event of its own": b'data: {"a":1}\n\nevent: error\ndata: {}\n\n',
    "an SSE event with CR": b"x\r\rdata: y\r\r",
    "JSON": b'{"message":"x","sequence":1}',
    "JSON in JSON": b'"{\\"a\\":\\"\\\\u0000\\"}"',
    "half of JSON": b'{"a":[1,2,"\\',
    "an escape": b"\\u0000 \\ud800 \\n \\x00",
    "a Socket.IO packet": b'42/log-streaming,["log-entry",{}]',
    "a Socket.IO placeholder": b'{"_placeholder":true,"num":0}',
    "a chunk of HTTP": b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "emoji": "🎉 👩‍👩‍👧‍👦 🇰🇷 é e\u0301".encode(),
    "right to left": "שלום \u202eabc\u202c مرحبا".encode(),
    "Korean": "🎉 작업 완료".encode(),
    "beyond the last plane": "\U0010ffff\ufffe\uffff\U0001f600".encode(),
    "zero width": "a\u200b\u200d\u2060b".encode(),
    "markup": b"<script>alert(1)</script><!-- &amp; ]]>",
    "SQL": b"'); DROP TABLE job_logs; --",
    "a format": b"%s %d %n {} {0} $HOME `id`",
    "invalid UTF-8": b"a\xff\xfe\x80b\xc0\xaf",
    "half a character": "완".encode()[:2],
    "lone surrogates": b"a\xed\xa0\x80\xed\xbf\xbfb",
    "a surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "too large a character": b"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
    "Latin-1": "café".encode("latin-1"),
    "UTF-16": "ab".encode("utf-16"),
    "at the limit": b"x" * MESSAGE_BYTES_MAX,
    "over the limit": b"x" * (MESSAGE_BYTES_MAX + 1),
    "over it within a character": b"x" * (MESSAGE_BYTES_MAX - 1) + "é".encode(),
    "broken and growing over it": b"\xff" * (MESSAGE_BYTES_MAX // 2),
    "1 MiB": b"0123456789abcdef" * 65_536,
    "1 MiB of broken bytes": b"\xff" * (1 << 20),
    "1 MiB of controls": b"\x1b" * (1 << 20),
    "1 MiB of emoji": "🎉".encode() * (1 << 18),
}


def as_stored(line: bytes) -> str:
    """The text of a line: bytes that are not UTF-8 replaced, then cut at a character's boundary."""
    return line.decode(errors="replace").encode()[:MESSAGE_BYTES_MAX].decode(errors="ignore")


def as_shown(line: bytes) -> list[bytes]:
    """The lines that a program's output is for ``otto-logs send``: as a terminal would show them in the end."""
    return [_last_state(part.split(b"\r")) for part in line.split(b"\n")]


def _last_state(states: list[bytes]) -> bytes:
    """What was written after the last return, or, where that is nothing, the last text that was."""
    return states[-1] or next((state for state in reversed(states[:-1]) if state.strip()), b"")
