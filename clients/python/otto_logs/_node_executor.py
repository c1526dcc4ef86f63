"""A decorator that reports each run of a workflow's node: when it began, how it ended, with what values."""

import functools
import inspect
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar, cast

from otto_logs._log_client import VALUE_BYTES_MAX, LogClient, body_of
from otto_logs._masking import Values, text_of

__all__ = ["NodeExecutor", "node_context"]

P = ParamSpec("P")
R = TypeVar("R")

_log: Final = logging.getLogger("otto_logs")

_TEXT_CHARACTERS_MAX: Final = 64 << 10
_NAMES: Final = ("execution_id", "script_id", "node_id", "node_name")
_CAMEL: Final = {"execution_id": "executionId", "script_id": "scriptId", "node_id": "nodeId", "node_name": "nodeName"}
_NODES_MAX: Final = 4096

_context: ContextVar[Mapping[str, str]] = ContextVar("otto_node_context", default={})  # noqa: B039 - never changed
_default_client: LogClient | None = None
_lock: Final = threading.Lock()
_last_start: dict[tuple[str, str], float] = {}


@contextmanager
def node_context(
    *,
    execution_id: str | None = None,
    script_id: str | None = None,
    node_id: str | None = None,
    node_name: str | None = None,
) -> Iterator[None]:
    """Say which execution, script and node the block belongs to; what is not given stays as it is around it."""
    given = {"execution_id": execution_id, "script_id": script_id, "node_id": node_id, "node_name": node_name}
    token = _context.set({**_context.get(), **{name: value for name, value in given.items() if value is not None}})
    try:
        yield
    finally:
        _context.reset(token)


class NodeExecutor:
    """Decorates ``async def execute(parameters) -> dict``, plain functions and methods likewise.

        @NodeExecutor("condition")
        async def execute(parameters): ...

    The function returns or raises exactly what it does without the decorator, whatever becomes of the reports. Which
    execution a run belongs to comes from ``node_context``, else from the parameters (``execution_id`` or
    ``executionId``, likewise script_id, node_id and node_name), else from ``OTTO_EXECUTION_ID`` and ``OTTO_SCRIPT_ID``;
    where nobody says it, nothing is reported. A node without an id has its type as its id.

    Args:
        node_type: what kind of node it is.
        client: who sends the reports; None: one for the whole process, with the defaults of ``LogClient``.
    """

    def __init__(self, node_type: str, *, client: LogClient | None = None) -> None:
        self._node_type = node_type
        self._client = client

    def __repr__(self) -> str:
        return f"<NodeExecutor {self._node_type!r}>"

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function."""
        parameters_of = _finder(function)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def execute_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                run = self._begin(parameters_of(args, kwargs))
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    _fail(run, error)
                    raise
                _complete(run, result)
                return result

            return cast("Callable[P, R]", execute_async)

        @functools.wraps(function)
        def execute(*args: P.args, **kwargs: P.kwargs) -> R:
            run = self._begin(parameters_of(args, kwargs))
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                _fail(run, error)
                raise
            _complete(run, result)
            return result

        return execute

    def _begin(self, parameters: object) -> "_Run | None":
        try:
            ids = _ids(parameters)
            if "execution_id" not in ids:
                _log.debug("a node of type %s runs in no known execution; it is not reported", self._node_type)
                return None
            run = _Run(self._client or _process_client(), {**ids, "node_type": self._node_type}, parameters)
            run.report("running", {})
        except Exception as error:  # noqa: BLE001 - a report must never break what it reports
            _log.debug("a node could not be reported: %s", error)
            return None
        return run


class _Run:
    """One run of a node; values are made JSON when they are there, since the node may change them afterwards."""

    __slots__ = ("_begun", "_client", "_ids", "_parameters", "_started_at", "_values")

    def __init__(self, client: LogClient, ids: dict[str, str], parameters: object) -> None:
        self._client = client
        self._ids = ids
        self._ids.setdefault("node_id", ids["node_type"])
        self._values = Values()
        self._parameters = self._values.json(parameters, VALUE_BYTES_MAX)
        self._started_at = _start_of(ids["execution_id"], self._ids["node_id"])
        self._begun = time.perf_counter()

    def report(self, status: str, content: dict[str, Any], **raw: str) -> None:
        content = {**self._ids, "status": status, "started_at": self._started_at, **content}
        self._client.put_body(body_of(content, {"parameters": self._parameters, **raw}))

    def complete(self, result: object) -> None:
        times = self._times()
        self.report("completed", times, result=self._values.json(result, VALUE_BYTES_MAX))

    def fail(self, error: BaseException) -> None:
        times = self._times()
        behind = error.__traceback__.tb_next if error.__traceback__ else None  # without the decorator's own frame
        trace = "".join(traceback.format_exception(type(error), error, behind))
        texts = {"error_message": text_of(error), "error_traceback": trace}
        masked = {name: self._values.without_secrets(text)[-_TEXT_CHARACTERS_MAX:] for name, text in texts.items()}
        result = {"error": masked["error_message"], "type": type(error).__name__}
        self.report("failed", times | masked, result=self._values.json(result, VALUE_BYTES_MAX))

    def _times(self) -> dict[str, Any]:
        time_ms = round((time.perf_counter() - self._begun) * 1000, 3)
        return {"finished_at": max(_now(), int(self._started_at)), "execution_time_ms": time_ms}


def _complete(run: _Run | None, result: object) -> None:
    if run is not None:
        try:
            run.complete(result)
        except Exception as error:  # noqa: BLE001 - a report must never break what it reports
            _log.debug("the end of a node could not be reported: %s", error)


def _fail(run: _Run | None, error: BaseException) -> None:
    if run is not None:
        try:
            run.fail(error)
        except Exception as problem:  # noqa: BLE001 - a report must never break what it reports
            _log.debug("the end of a node could not be reported: %s", problem)


def _finder(function: Callable[..., Any]) -> Callable[[tuple[Any, ...], Mapping[str, Any]], object]:
    """How to find the argument ``parameters`` of a call: by that name, or else the first one after ``self``."""
    try:
        names = [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]
        every = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = every = []
    name = "parameters" if "parameters" in names else (names[0] if names else "parameters")
    place = every.index(name) if name in every else 0

    def find(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
        return kwargs[name] if name in kwargs else args[place] if place < len(args) else None

    return find


def _ids(parameters: object) -> dict[str, str]:
    ids = dict(_context.get())
    if isinstance(parameters, Mapping):
        for name in _NAMES:
            if name not in ids:
                value = parameters.get(name, parameters.get(_CAMEL[name]))
                if isinstance(value, str | int) and value != "":
                    ids[name] = str(value)
    for name in ("execution_id", "script_id"):
        if name not in ids and (value := os.environ.get(f"OTTO_{name.upper()}")):
            ids[name] = value
    return ids


def _process_client() -> LogClient:
    global _default_client
    with _lock:
        if _default_client is None:
            _default_client = LogClient()
        return _default_client


def _now() -> int:
    return time.time_ns() // 1_000_000


def _start_of(execution_id: str, node_id: str) -> float:
    """When a run begins, in whole milliseconds; with a fraction only if the node's last run began in the same one.

    The gateway tells runs apart by this number.
    """
    now: float = _now()
    with _lock:
        last = _last_start.get((execution_id, node_id), 0.0)
        if now <= last < now + 1:
            now = round(last + 0.001, 3)
        elif len(_last_start) >= _NODES_MAX:
            _last_start.clear()
        _last_start[execution_id, node_id] = now
    return now
