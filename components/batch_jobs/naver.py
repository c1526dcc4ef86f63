"""Naver's search API: the total of one search, of one category, with no results."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import httpx2
import msgspec

from components.batch_jobs.counter import BadCredentialsError, CounterUnavailableError, KeywordRefusedError, QuotaError

__all__ = ["NAVER_SERVICES", "NaverCounter"]

NAVER_SERVICES: Final[Mapping[str, str]] = {
    "blog": "blog",
    "cafe": "cafearticle",
    "news": "news",
    "kin": "kin",
    "web": "webkr",
    "book": "book",
    "encyc": "encyc",
    "image": "image",
    "shop": "shop",
    "doc": "doc",
}
"""The last part of the address of each search, by the name that its results have."""

_ANSWER_BYTES_MAX: Final = 1 << 20
_NO_CREDENTIALS: Final = {"024", "028"}  # not valid; not sent: with any status
_QUOTA: Final = {"010", "012"}  # of the day; of the second


class _Total(msgspec.Struct):
    total: int


class _Refusal(msgspec.Struct, rename="camel"):
    error_code: str = ""
    error_message: str = ""


class NaverCounter:
    """Asks Naver, on connections that are kept.

    Args:
        client_id: of the application, as Naver gave it.
        client_secret: of the same; sent in a header, and never part of an error or a log.
        categories: keys of ``NAVER_SERVICES``.
        base_url: where the API is.
        timeout_seconds: how long one request may take in all.
        transport: in the place of the network.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        categories: Sequence[str],
        base_url: str = "https://openapi.naver.com",
        timeout_seconds: float = 10.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.categories: Sequence[str] = tuple(categories)
        self._timeout_seconds = timeout_seconds
        self._base_url = base_url.rstrip("/")
        self._client = httpx2.AsyncClient(
            base_url=self._base_url,
            headers={"X-Naver-Client-Id": client_id, "X-Naver-Client-Secret": client_secret},
            timeout=timeout_seconds,
            transport=transport,
            limits=httpx2.Limits(max_connections=2, max_keepalive_connections=1),
        )

    def __repr__(self) -> str:
        return f"<NaverCounter {self._base_url} {','.join(self.categories)}>"

    async def count(self, keyword: str, category: str) -> int:
        """The total of one search. Errors as ``DocumentCounter.count``."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response, body = await self._ask(keyword, NAVER_SERVICES[category])
        except (TimeoutError, httpx2.TimeoutException) as error:
            message = f"Naver did not answer within {self._timeout_seconds:g} s"
            raise CounterUnavailableError(message) from error
        except httpx2.HTTPError as error:
            raise CounterUnavailableError(f"Naver could not be reached: {type(error).__name__}") from error
        if response.status_code != HTTPStatus.OK:
            raise _refusal(response, body)
        try:
            total = msgspec.json.decode(body, type=_Total).total
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CounterUnavailableError("Naver's answer has no total") from error
        return max(0, total)

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._client.aclose()

    async def _ask(self, keyword: str, service: str) -> tuple[httpx2.Response, bytes]:
        parameters = {"query": keyword, "display": "1"}
        async with self._client.stream("GET", f"/v1/search/{service}.json", params=parameters) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _ANSWER_BYTES_MAX:
                    raise CounterUnavailableError(f"Naver's answer is longer than {_ANSWER_BYTES_MAX} bytes")
            return response, bytes(body)


def _refusal(response: httpx2.Response, body: bytes) -> Exception:
    """What an answer with another status than 200 means."""
    status = response.status_code
    code = _code(body)
    what = f"Naver answered {status}" + (f", error {code}" if code else "")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or code in _NO_CREDENTIALS:
        return BadCredentialsError(f"{what}: NAVER_CLIENT_ID and NAVER_CLIENT_SECRET are not accepted")
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _QUOTA:
        return QuotaError(f"{what}: the quota is used up", _retry_after(response.headers.get("retry-after")))
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return KeywordRefusedError(f"{what}: it does not take this keyword")
    return CounterUnavailableError(what)


def _code(body: bytes) -> str:
    """The error's number; Naver's own texts are left out, since they may repeat what was sent."""
    try:
        document: Any = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(document.error_code) if document.error_code.isalnum() and len(document.error_code) <= 8 else ""


def _retry_after(value: str | None) -> float | None:
    """The seconds of a ``Retry-After``; a date is not understood."""
    return float(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 8 else None
