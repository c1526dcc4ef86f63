"""A key set that is fetched from its address, kept, and fetched again when it is old or lacks a key."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gateway.auth.keys import KeyFormatError, VerificationKey, keys_from_jwks

__all__ = ["FetchError", "KeySet", "fetch_document"]

_log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 300.0
"""Age at which the set is fetched again in the background. A withdrawn key may be used for this long."""

STALE_SECONDS_MAX: Final = 86_400.0
"""Age up to which the set is used where its address does not answer: running producers outlive an outage of a day."""

ATTEMPT_INTERVAL_SECONDS: Final = 10.0
"""Minimum interval of fetches, so that tokens with unknown keys cannot cause a flood of requests to the provider."""

TIMEOUT_SECONDS: Final = 5.0
"""How long the address may be silent, and how long its answer may take."""

DOCUMENT_BYTES_MAX: Final = 1 << 20


class FetchError(Exception):
    """The address did not answer with a document."""


class KeySet:
    """The keys at an address.

    Attributes:
        error: why the last attempt to fetch them failed; None if it did not.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fetch`` is called in a thread; ``clock`` gives seconds."""
        self._url = url
        self._fetch = fetch if fetch is not None else fetch_document
        self._clock = clock
        self._keys: Sequence[VerificationKey] = ()
        self._fetched_at = -STALE_SECONDS_MAX
        self._attempted_at = -ATTEMPT_INTERVAL_SECONDS
        self._attempt: asyncio.Task[None] | None = None
        # A thread of its own: a slow address must not use up the threads of the shared pool.
        self._thread = ThreadPoolExecutor(1, "key set")
        self.fetches = 0
        self.error: str | None = None

    def __repr__(self) -> str:
        return f"<KeySet {len(self._keys)} keys, {self.fetches} fetches, error={self.error!r}>"

    async def keys_for(self, kid: str | None, algorithm: str) -> Sequence[VerificationKey]:
        """The keys that a token with this header may be verified with; all of the algorithm if it names none.

        Raises:
            FetchError: there are no keys, and fetching them has failed.
        """
        age = self._clock() - self._fetched_at
        if not self._keys or age >= STALE_SECONDS_MAX:
            await self.refresh()
            if not self._keys or self._clock() - self._fetched_at >= STALE_SECONDS_MAX:
                raise FetchError(self.error or "the key set is being fetched")
        elif age >= REFRESH_SECONDS:
            self._begin()
        found = self._find(kid, algorithm)
        if not found:
            await self.refresh()
            found = self._find(kid, algorithm)
        return found

    async def refresh(self) -> None:
        """Wait for the attempt to fetch the set that is under way; begin one if none began lately."""
        attempt = self._begin()
        if attempt is not None:
            await asyncio.shield(attempt)

    async def close(self) -> None:
        """Let go of an attempt that is under way."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> "asyncio.Task[None] | None":
        """The attempt under way, a new one, or None if the last one is too short ago."""
        if self._attempt is None or self._attempt.done():
            if self._clock() - self._attempted_at < ATTEMPT_INTERVAL_SECONDS:
                return None
            self._attempted_at = self._clock()
            self._attempt = asyncio.get_running_loop().create_task(self._try(), name="fetch key set")
        return self._attempt

    def _find(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        return [key for key in self._keys if algorithm in key.algorithms and (kid is None or key.kid == kid)]

    async def _try(self) -> None:
        self.fetches += 1
        try:
            async with asyncio.timeout(3 * TIMEOUT_SECONDS):  # connection, head and body
                document = await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, self._url)
            self._keys = keys_from_jwks(json.loads(document))
        except TimeoutError:
            self.error = "its address does not answer in time"
            _log.warning("could not fetch the key set: %s", self.error)
        except (FetchError, KeyFormatError, ValueError, RecursionError) as error:
            self.error = str(error) if isinstance(error, FetchError | KeyFormatError) else "is not JSON"
            _log.warning("could not fetch the key set: %s", self.error)
        else:
            self._fetched_at = self._clock()
            self.error = None


class _NoRedirects(HTTPRedirectHandler):
    """Keys come from the address that was configured, and from no other that a redirection names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def fetch_document(url: str) -> bytes:
    """What an address answers; blocks for seconds.

    Raises:
        FetchError: it does not answer, or not with a document of a sensible size.
    """
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - AuthSettings checks the scheme
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as response:
            status = response.status
            document = b""
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while len(document) <= DOCUMENT_BYTES_MAX and (piece := response.read1(1 << 16)):
                document += piece
                if time.monotonic() > deadline:
                    raise FetchError("its address does not answer in time")
    except HTTPError as error:
        error.close()
        raise FetchError(f"its address answers with status {error.code}") from error
    except (OSError, ValueError, HTTPException) as error:
        raise FetchError(f"its address cannot be reached ({type(error).__name__})") from error
    if status != HTTPStatus.OK:
        raise FetchError(f"its address answers with status {status}")
    if len(document) > DOCUMENT_BYTES_MAX:
        raise FetchError(f"it is larger than {DOCUMENT_BYTES_MAX} bytes")
    return document
