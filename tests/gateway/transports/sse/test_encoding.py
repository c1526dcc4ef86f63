import gzip
import json
import random
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from filters.block import Selection
from filters.entry import LogEntry, encode_lines
from gateway.transports.sse.checksum import append_checksum, checksum_of, crc32_of, shift_of
from gateway.transports.sse.encoding import GZIP, IDENTITY, ZSTD, GzipChecksum, event_text, negotiate
from sessions.notices import Gap, Notice
from tests.support.scripted_history import EPOCH, block


def unchunk(wire: bytes) -> bytes:
    """The bodies of HTTP chunks."""
    out = b""
    while wire:
        size, wire = wire.split(b"\r\n", 1)
        out, wire = out + wire[: int(size, 16)], wire[int(size, 16) + 2 :]
    return out


def selection(first, last, **fields):
    b = block(first, last, **fields)
    return Selection(first - 1, last, range(first, last + 1), b.lines)


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_checksum_of_both_follows_from_the_checksums_of_each(a, b):
    """Appending needs only the appended part's checksum and length."""
    of_both = append_checksum(checksum_of(zlib.crc32(a)), checksum_of(zlib.crc32(b)), shift_of(len(b)))
    assert crc32_of(of_both) == zlib.crc32(a + b)


def test_checksum_of_what_is_long() -> None:
    """Lengths far beyond what is at hand at once shift by the same power."""
    text, zeros = zlib.crc32(b"text"), bytes(1 << 20)
    checksum, expected = checksum_of(text), text
    for _ in range(3):
        checksum = append_checksum(checksum, checksum_of(zlib.crc32(zeros)), shift_of(len(zeros)))
        expected = zlib.crc32(zeros, expected)
    whole = append_checksum(checksum_of(text), checksum_of(zlib.crc32(zeros * 3)), shift_of(3 << 20))
    assert crc32_of(checksum) == crc32_of(whole) == expected


def test_event_has_id_and_data():
    """A line is a default event whose id is its position."""
    run = IDENTITY.encode(EPOCH, selection(7, 7))
    text = unchunk(run.data.wire)
    assert text.startswith(b'id: 0123abcd-7\ndata: {"taskId":"build"')
    assert text.endswith(b"}\n\n")
    assert run.count == 1


@given(st.sets(st.integers(1, 40), min_size=1))
def test_the_id_of_an_event_is_the_sequence_of_its_line(chosen):
    """Of whichever lines a filter has left."""
    lines = block(1, 40).lines
    picked = sorted(chosen)
    run = IDENTITY.encode(EPOCH, Selection(0, 40, picked, [lines[n - 1] for n in picked]))
    events = [event.split(b"\n") for event in unchunk(run.data.wire).split(b"\n\n")[:-1]]
    assert [event[0].decode() for event in events] == [f"id: {EPOCH}-{n}" for n in picked]
    assert [json.loads(event[1].removeprefix(b"data: "))["sequence"] for event in events] == picked


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_message_breaks_the_framing(messages):
    """Whatever a line contains, it stays one event of two lines."""
    entries = [
        LogEntry("t", "w", n, "2026-01-01T00:00:00.000000000Z", "INFO", "stdout", message)
        for n, message in enumerate(messages, 1)
    ]
    run = IDENTITY.encode(EPOCH, Selection(0, len(entries), range(1, len(entries) + 1), encode_lines(entries)))
    events = unchunk(run.data.wire).split(b"\n\n")
    assert len(events) == len(messages) + 1
    assert all(b"\r" not in event and event.count(b"\n") == 1 for event in events[:-1])


def test_zstd_chunks_can_be_joined_in_any_order():
    """Frames are independent: a reader may begin with any of them."""
    chunks = [ZSTD.encode(EPOCH, selection(n, n + 9)).data for n in (1, 11, 21)]
    plain = [unchunk(IDENTITY.encode(EPOCH, selection(n, n + 9)).data.wire) for n in (1, 11, 21)]
    for order in ([0, 1, 2], [2, 0], [1]):
        body = b"".join(unchunk(chunks[n].wire) for n in order)
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            assert reader.read() == b"".join(plain[n] for n in order)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0], [1], []])
def test_gzip_response_is_one_true_member(order):
    """Shared blocks in any order make a member whose trailer verifies."""
    chunks = [GZIP.encode(EPOCH, selection(n, n + 9)).data for n in (1, 11, 21)]
    plain = [unchunk(IDENTITY.encode(EPOCH, selection(n, n + 9)).data.wire) for n in (1, 11, 21)]
    opening = GZIP.opening(b"retry: 5\n\n")
    checksum = GzipChecksum()
    for chunk in (opening, *(chunks[n] for n in order)):
        checksum.add(chunk)
    body = unchunk(opening.wire + b"".join(chunks[n].wire for n in order)) + checksum.trailer()
    assert gzip.decompress(body) == b"retry: 5\n\n" + b"".join(plain[n] for n in order)


@pytest.mark.parametrize("encoding", [ZSTD, GZIP])
def test_compression_pays_on_runs(encoding):
    """A run of similar lines shrinks to a sixth or less."""
    lines = selection(1, 200, message="step 17 loss=0.12345 lr=3.0e-4 speed=1234.5 samples/s eta=00:12:34")
    assert encoding.encode(EPOCH, lines).size * 6 < IDENTITY.encode(EPOCH, lines).size


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", IDENTITY),
        ("gzip", GZIP),
        ("gzip, deflate, br, zstd", ZSTD),
        ("zstd;q=0.5, gzip;q=0.9", GZIP),
        ("gzip;q=0", IDENTITY),
        ("*", ZSTD),
        ("br", IDENTITY),
        ("GZIP;q=0.3, identity;q=0.5", IDENTITY),
        ("gzip;q=banana", GZIP),
    ],
)
def test_encoding_is_negotiated(header, expected):
    """The client's quality decides, then zstd before gzip; what was not offered is never used."""
    assert negotiate(header) is expected


def test_notice_is_a_named_event():
    """Heartbeats and the like have a name, so that ``onmessage`` does not see them."""
    text = event_text(Notice(Gap(1, 2, "retention")))
    assert text == b'event: gap\ndata: {"from":1,"to":2,"reason":"retention"}\n\n'


def test_random_cuts_of_a_gzip_stream_are_decodable():
    """Everything up to a flush can be decoded before the response ends."""
    rng = random.Random(5)
    decoder = zlib.decompressobj(wbits=31)
    text = decoder.decompress(unchunk(GZIP.opening(b"retry: 5\n\n").wire))
    for first in range(1, 300, 10):
        text += decoder.decompress(unchunk(GZIP.encode(EPOCH, selection(first, first + rng.randrange(10))).data.wire))
        assert text.endswith(b"\n\n")


@pytest.mark.parametrize("accept", ["", "gzip", "zstd"])
def test_named_lines_are_another_encoding(accept: str) -> None:
    """With a name of its own, because sessions whose encodings have equal names share their bytes."""
    plain, named = negotiate(accept), negotiate(accept, is_named=True)
    assert plain.name != named.name
    assert plain.content_encoding == named.content_encoding
    assert negotiate(accept, is_named=True) is named
