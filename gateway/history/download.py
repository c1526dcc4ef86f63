"""All entries of a task as a file, read and sent in pieces."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from filters.matching import Matcher
from gateway.history.bodies import BODY_HEADERS, compressed, compressor_of, ndjson, plain_text
from gateway.history.pages import Page, StoredGap, gap_before, log_page
from gateway.history.query import FORMATS, Format
from gateway.history.reads import Reads
from gateway.history.scans import PrincipalScans
from gateway.http.json_bodies import around_list
from storage.journal.interface import TaskState

__all__ = ["download"]

_DOWNLOAD_LINES: Final = 4096
_DOWNLOAD_BYTES: Final = 512 << 10
"""What a download reads at a time, and the most that it holds in memory."""

_SUFFIXES: Final[Mapping[Format, str]] = {"json": "json", "ndjson": "ndjson", "text": "log"}


async def download(
    request: Request,
    reads: Reads,
    scans: PrincipalScans,
    state: TaskState,
    matcher: Matcher,
    kind: Format,
    *,
    limit: int,
    is_message_only: bool,
) -> Response:
    """The first ``limit`` matching lines."""
    name = f"{state.task_id}.{_SUFFIXES[kind]}"
    ascii_name = "".join(each if each.isalnum() and each.isascii() else "_" for each in state.task_id)
    headers = {
        **BODY_HEADERS,
        "Content-Disposition": (
            f"attachment; filename=\"{ascii_name}.{_SUFFIXES[kind]}\"; filename*=UTF-8''{quote(name, safe='')}"
        ),
        "Otto-Epoch": reads.epoch,
    }
    encoding, compressor = compressor_of(request)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    if request.method == "HEAD":
        return Response(headers=headers, media_type=FORMATS[kind])
    scans.check()
    pieces = _placed(scans, _pieces(reads, state, limit, matcher, kind, is_message_only=is_message_only))
    body = pieces if compressor is None else compressed(pieces, compressor)
    return StreamingResponse(body, headers=headers, media_type=FORMATS[kind])


async def _placed(scans: PrincipalScans, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with scans.place():
        async for piece in pieces:
            yield piece


async def _pieces(
    reads: Reads, state: TaskState, limit: int, matcher: Matcher, kind: Format, *, is_message_only: bool
) -> AsyncIterator[bytes]:
    """A download in pieces. Its end is that of the task when it began: a log that grows as fast still has one."""

    def around(page: Page) -> tuple[bytes, bytes]:
        return around_list(log_page(reads.epoch, state, page), "entries")

    position, left = 0, limit
    separator = b""
    gaps: list[StoredGap] = []
    if kind == "json":
        yield around(Page(0, 0))[0]
    while position < state.last and left:
        found = await reads.read(
            state.task_id,
            position,
            state.last,
            matcher,
            lines_max=min(left, _DOWNLOAD_LINES),
            bytes_max=_DOWNLOAD_BYTES,
        )
        gap = gap_before(found, position)
        if gap is not None:
            gaps.append(gap)
        if gap is not None and kind == "text" and not is_message_only:
            yield f"--- lines {gap.first} to {gap.last} are missing: {gap.reason} ---\n".encode()
        position = found.end
        left -= len(found.lines)
        if not found.lines:
            continue
        if kind == "json":
            yield separator + b",".join(found.lines)
            separator = b","
        elif kind == "ndjson":
            yield ndjson(found.lines)
        else:
            yield await asyncio.to_thread(plain_text, found.lines, is_message_only=is_message_only)
    if kind == "json":
        yield around(Page(0, position, gaps=gaps, has_next=position < state.last))[1]
