"""The gateway's own log: constant event texts with fields, one form for everything in the process, and no secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

from gateway.monitoring.repeated_warnings import RepeatedWarnings
from gateway.monitoring.terminal import printable

__all__ = ["configure_logging", "without_secrets"]

HIDDEN: Final = "***"

_MASKED_NAMES: Final = "access_token|ticket|token|authorization|cookie|set-cookie|password|passwd|secret|api_key|jwt"
_MASKED_FIELD: Final = re.compile(rf"(?i)(?:^|[_-])(?:{_MASKED_NAMES})$")
_MASKED_PARTS: Final = (
    # name=value of a query or a header, and "name": "value" of JSON or of a Python dictionary
    (re.compile(rf"(?i)\b((?:{_MASKED_NAMES})['\"]?\s*[=:]\s*['\"]?(?:bearer\s+)?)[^\s&'\",;)}}\]]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{4,}\.[\w-]*\.?[\w-]*"), HIDDEN),
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/]*@"), rf"\1:{HIDDEN}@"),
)

_NOTHING: Final = (None, "", "(unset)")
"""That there is no secret is no secret."""

_FOREIGN: Final = {
    # uvicorn logs each WebSocket with its query at INFO; requests are logged by gateway.request_log instead
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
    "asyncio": logging.WARNING,
    "grpc": logging.WARNING,
    "hpack": logging.WARNING,  # logs headers, credentials included
    "httpx2": logging.WARNING,  # logs addresses
    "httpcore2": logging.WARNING,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}


def configure_logging(level: str, log_format: str, *, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to one stream.

    Args:
        level: the least severe level of the gateway's own events; other libraries' start at WARNING.
        log_format: ``json``, ``text``, or ``auto`` (text on a terminal).
        stream: standard error if there is none.
    """
    stream = stream or sys.stderr
    is_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets,
                *_renderer(is_text, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _FOREIGN.items():
        foreign = logging.getLogger(name)
        foreign.handlers = []
        foreign.propagate = True
        foreign.setLevel(max(least, logging.getLevelName(level)))
    logging.getLogger("uvicorn.error").filters = [RepeatedWarnings()]
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def without_secrets(_logger: object, _method: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
    """Mask text that looks like a credential: a safety net, since no code should log one."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if _MASKED_FIELD.search(name):
        return value if value in _NOTHING else HIDDEN
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        for pattern, replacement in _MASKED_PARTS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {str(key): _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(name, item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _masked("", repr(value))


def _renderer(is_text: bool, *, colors: bool) -> list[Processor]:
    if is_text:
        # The traceback is text already, so that it went through the mask as well.
        console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        return [_for_terminals, console]
    return [structlog.processors.JSONRenderer(ensure_ascii=False)]


def _for_terminals(_logger: object, _method: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}
