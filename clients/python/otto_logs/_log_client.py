"""Reports of node executions to a gateway, over HTTP."""

import asyncio
import contextlib
import http.client
import json
import logging
import os
from typing import Any, Final

from otto_logs._endpoint import Token
from otto_logs._errors import (
    AuthenticationError,
    GatewayError,
    InvalidRequestError,
    OttoLogsError,
    PermissionDeniedError,
    RequestTooLargeError,
)
from otto_logs._gateway_url import default_url
from otto_logs._masking import Values
from otto_logs._report_queue import HttpGateway, ReportQueue, ReportStatistics, Response

__all__ = ["LogClient", "LogNotSentError"]

_log: Final = logging.getLogger("otto_logs")

PATH: Final = "/api/logs/node-execution"
TIMEOUT_SECONDS: Final = 5.0
VALUE_BYTES_MAX: Final = 1 << 20
"""Of parameters, and of a result; a longer one is sent as what it begins with."""
_TEXT_CHARACTERS_MAX: Final = 64 << 10
_REFUSALS: Final = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    413: RequestTooLargeError,
}


class LogNotSentError(OttoLogsError):
    """The gateway was not reached, has not answered in time, or cannot take a report now."""


class LogClient:
    """Sends reports of nodes' runs; any thread and any event loop may use it.

    Args:
        url: where the gateway's HTTP is; None: ``OTTO_URL``, or port 4000 of the host in ``OTTO_GATEWAY``.
        token: a token, or what gives one for each request; None: ``OTTO_TOKEN``.
        timeout_seconds: how long the gateway may take.
        reports_max, bytes_max: what may wait for it; beyond that, the oldest reports are dropped.

    Raises:
        ValueError: ``url`` is none.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: Token = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        reports_max: int = 1000,
        bytes_max: int = 16 << 20,
    ) -> None:
        self._url = (url or default_url()).rstrip("/")
        self._given_token = token
        self._timeout_seconds = timeout_seconds
        self._connect()  # a wrong address is the caller's mistake, and said at once
        self._queue = ReportQueue(self._connect, reports_max=reports_max, bytes_max=bytes_max)

    def __repr__(self) -> str:
        return f"<LogClient {self._url} {self._queue.statistics}>"

    @property
    def statistics(self) -> ReportStatistics:
        """What waits, and what has become of the reports so far."""
        return self._queue.statistics

    async def send_log_async(
        self, execution_id: str | None = None, node_id: str | None = None, status: str = "", **fields: Any
    ) -> None:
        """Send a report in the background: it neither waits nor raises, and what goes wrong is logged at debug level.

        A coroutine function, for ``asyncio.create_task(client.send_log_async(…))``. The report is made when it runs.

        Args:
            execution_id: which execution the node runs in; None: none.
            node_id: which node of it; None: none.
            status: ``running``, ``completed`` or ``failed``.
            fields: ``script_id``, ``node_type``, ``node_name``, ``started_at`` and ``finished_at`` (milliseconds since
                1970; ``started_at`` tells the runs of one node apart), ``execution_time_ms``, ``parameters`` and
                ``result`` (JSON), ``error_message``, ``error_traceback``.
        """
        try:
            self._queue.put(PATH, _body(execution_id, node_id, status, fields))
        except Exception as error:  # noqa: BLE001 - a report must never break what it reports
            _log.debug("a report could not be made: %s", error)

    async def send_log(
        self, execution_id: str | None = None, node_id: str | None = None, status: str = "", **fields: Any
    ) -> int:
        """Send a report and wait until it is stored; the id of its row. Arguments as for ``send_log_async``.

        Raises:
            GatewayError: the gateway has refused it.
            LogNotSentError: it was not reached, or cannot take it now.
            TypeError: there is no such field.
        """
        body = _body(execution_id, node_id, status, fields)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await asyncio.to_thread(self._post, body)
        except TimeoutError as error:
            raise LogNotSentError(f"the gateway at {self._url} has not answered in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise LogNotSentError(f"the gateway at {self._url} cannot be reached: {error}") from error
        return _log_id(response)

    def flush(self, timeout_seconds: float = TIMEOUT_SECONDS) -> bool:
        """Wait until nothing is on its way; False where time was up before. Done at exit by itself."""
        return self._queue.flush(timeout_seconds)

    def put_body(self, body: bytes) -> None:
        """Send a report that is JSON already; for ``NodeExecutor``."""
        self._queue.put(PATH, body)

    def _post(self, body: bytes) -> Response:
        with contextlib.closing(self._connect()) as gateway:
            return gateway.post(PATH, body)

    def _connect(self) -> HttpGateway:
        return HttpGateway(self._url, self._token, self._timeout_seconds)

    def _token(self) -> str | None:
        given = self._given_token
        return (given() if callable(given) else given) or os.environ.get("OTTO_TOKEN") or None


_FIELDS: Final = frozenset(
    {
        "script_id",
        "node_type",
        "node_name",
        "started_at",
        "finished_at",
        "execution_time_ms",
        "error_message",
        "error_traceback",
    }
)


def _body(execution_id: str | None, node_id: str | None, status: str, fields: dict[str, Any]) -> bytes:
    values = Values()
    ids = {"execution_id": execution_id, "node_id": node_id}
    content: dict[str, Any] = {name: value for name, value in ids.items() if value is not None} | {"status": status}
    raw: dict[str, str] = {
        name: values.json(fields[name], VALUE_BYTES_MAX) for name in ("parameters", "result") if name in fields
    }
    for name, value in fields.items():
        if name in raw:
            continue
        if name not in _FIELDS:
            raise TypeError(
                f"there is no field {name!r}; there are {', '.join(sorted(_FIELDS))}, parameters and result"
            )
        is_text = name.startswith("error_") and isinstance(value, str)
        content[name] = values.without_secrets(value)[-_TEXT_CHARACTERS_MAX:] if is_text else value
    return body_of(content, raw)


def body_of(content: dict[str, Any], raw: dict[str, str]) -> bytes:
    """A report's JSON: ``content`` as it is, and ``raw`` values that are JSON already."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for name, value in raw.items():
        text = f'{text[:-1]},"{name}":{value}}}'
    return text.encode(errors="replace")


def _log_id(response: Response) -> int:
    body = response.body if isinstance(response.body, dict) else {}
    if response.status < 300 and isinstance(body.get("log_id"), int):
        return int(body["log_id"])
    error = body.get("error")
    code, message = (str(error.get("code")), str(error.get("message"))) if isinstance(error, dict) else ("", "")
    kind: type[GatewayError] | None = _REFUSALS.get(response.status)
    if kind is not None:
        raise kind(code or str(response.status), message or f"the gateway answered {response.status}")
    raise LogNotSentError(message or f"the gateway answered {response.status}")
