"""The sender: a thread that carries what is in the outbox to the gateway, and keeps coming back.

It uses gRPC's blocking interface on purpose. ``grpc.aio`` allows one event loop in a process: a producer with a loop
of its own would disturb the program's, and this way one sender serves asyncio and plain threads alike.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple, Protocol

import grpc
from otto.logs.v1 import logs_pb2

from otto_logs._backoff import Backoff
from otto_logs._endpoint import Endpoint
from otto_logs._errors import (
    AuthenticationError,
    GatewayError,
    IncompatibleError,
    InvalidRequestError,
    PermissionDeniedError,
    ReplacedError,
    RequestTooLargeError,
)
from otto_logs._limits import ProducerLimits
from otto_logs._outbox import Outbox
from otto_logs._spool_directory import new_producer_id
from otto_logs._statistics import Problem, ProblemKind
from otto_logs._values import line_count

__all__ = ["OrphanSender", "Sender", "tell"]

_log: Final = logging.getLogger("otto_logs")

_PUBLISH: Final = f"/{logs_pb2.DESCRIPTOR.services_by_name['LogIngestService'].full_name}/Publish"
_PRODUCER_ID_BYTES_MAX: Final = 128
_PUSHBACK: Final = "grpc-retry-pushback-ms"
_PUSHBACK_SECONDS_MAX: Final = 300.0
_REFUSALS_MAX: Final = 3
"""How often a renewed token, or a request that seems too large, is tried before giving up."""


def _version() -> str:
    try:
        return version("otto-logs")
    except PackageNotFoundError:
        return "0"


class OrphanSender(Protocol):
    """What is to be delivered before anything of our own."""

    def deliver(self) -> None:
        """Deliver it; return as well once cancelled."""
        ...

    def cancel(self) -> None:
        """Stop."""
        ...


class _Lost(NamedTuple):
    """How a connection has failed, apart from gRPC's error."""

    code: grpc.StatusCode
    details: str
    pushback_seconds: float


class Sender:
    """Owns the thread and the connection of one producer."""

    def __init__(
        self,
        outbox: Outbox,
        endpoint: Endpoint,
        limits: ProducerLimits,
        *,
        producer_id: str | None,
        on_problem: Callable[[Problem], None] | None,
        orphaned_spools: OrphanSender | None = None,
    ) -> None:
        if producer_id is not None and not 1 <= len(producer_id.encode()) <= _PRODUCER_ID_BYTES_MAX:
            raise ValueError(f"producer_id must have 1 to {_PRODUCER_ID_BYTES_MAX} bytes")
        self.producer_id = producer_id or uuid.uuid4().hex
        self._outbox = outbox
        self._endpoint = endpoint
        self._on_problem = on_problem
        self._orphaned_spools = orphaned_spools
        self._backoff = Backoff(limits.backoff_seconds, limits.backoff_seconds_max)
        self._thread = threading.Thread(target=self._thread_main, name=f"otto-logs {endpoint.target}", daemon=True)
        self._call: grpc.Call | None = None
        self._stalled = ""
        self._refused_token: str | None = None
        self._refusals = 0

    def __repr__(self) -> str:
        return f"<Sender {self.producer_id} to {self._endpoint.target} {self._outbox!r}>"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_seconds: float | None) -> None:
        """Wait for the thread to end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    def cancel_orphaned_spools(self) -> None:
        """Deliver no more of what others left."""
        if self._orphaned_spools is not None:
            self._orphaned_spools.cancel()

    def cancel(self) -> None:
        """Cut the connection."""
        self.cancel_orphaned_spools()
        call = self._call
        if call is not None:
            call.cancel()

    def _thread_main(self) -> None:
        try:
            if self._orphaned_spools is not None:
                self._orphaned_spools.deliver()
            self.run()
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the program would wait for ever
            self._crashed(error)
        finally:
            self._outbox.finish()

    def run(self) -> None:
        """Deliver what is in the outbox, until it is finished."""
        try:
            if self._endpoint.is_exposed and self._endpoint.token() is not None:
                _log.warning("the token crosses the network in plain text; give tls= for %s", self._endpoint.target)
            while not self._outbox.is_finished:
                self._connect_once()
                self._report_drops()
        except Exception as error:  # noqa: BLE001 - as above
            self._crashed(error)
        finally:
            self._report_drops()
            self._outbox.finish()

    def _crashed(self, error: Exception) -> None:
        _log.exception("the producer stopped because of an error of its own")
        self._outbox.fail(GatewayError("INTERNAL", f"the producer stopped because of an error of its own: {error}"))

    def _connect_once(self) -> None:
        """One connection, from the Hello to its end, and the pause after it."""
        try:
            token = self._endpoint.token()
        except Exception as error:  # noqa: BLE001 - whatever the program's own function raises
            self._pause(f"no token could be had: {type(error).__name__}: {error}")
            return
        lost: _Lost | None = None
        try:
            with self._endpoint.channel() as channel:
                self._exchange(channel, token)
        except grpc.RpcError as error:
            lost = _Lost(error.code(), error.details() or "", _pushback_seconds(error))
            # The error is the call itself, and its traceback holds the frames that hold the call: a circle for the
            # garbage collector. Finding it when the interpreter ends, it waits for a lock of the call's, and for ever
            # where one of gRPC's threads had that lock when it was ended.
            error.__traceback__ = None
        if lost is not None:
            self._lost(lost, token)

    def _exchange(self, channel: grpc.Channel, token: str | None) -> None:
        publish: grpc.StreamStreamMultiCallable[bytes, logs_pb2.PublishResponse] = channel.stream_stream(
            _PUBLISH, request_serializer=None, response_deserializer=logs_pb2.PublishResponse.FromString
        )
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        stream = self._outbox.open_stream()
        self._stalled = ""
        call = self._call = publish(self._requests(stream), metadata=metadata)
        try:
            greeting = True
            for response in call:
                if greeting:
                    if not self._greeted(response):
                        return  # and say Hello again, by another name
                    greeting = False
                elif self._outbox.answer(response):
                    self._backoff.reset()
                    self._refusals = 0
                for problem in response.problems:
                    self._problem(Problem(ProblemKind.REFUSED, problem.message, problem.field, problem.number))
                self._report_drops()
            if not self._outbox.is_finished:  # it said OK, which only answers our own half-close
                self._pause("the gateway ended the stream")
        finally:
            self._outbox.end_stream()
            self._call = None
            call.cancel()

    def _requests(self, stream: int) -> Iterator[bytes]:
        """What gRPC's sending thread sends."""
        hello = logs_pb2.Hello(producer_id=self.producer_id, agent=f"otto-logs/{_version()}")
        yield logs_pb2.PublishRequest(hello=hello).SerializeToString()
        while True:
            try:
                data = self._outbox.next_request(stream)
            except TimeoutError as error:
                self._stalled = str(error)
                self.cancel()
                return
            if data is None:
                return
            yield data

    def _greeted(self, response: logs_pb2.PublishResponse) -> bool:
        """Whether it is the journal that we know.

        With another one, a number that is used twice could be taken for one that is stored, in whichever journal is put
        in place later: so a new journal gets a new producer id, and what is not acknowledged is numbered from 1.
        """
        if self._outbox.greet(response):
            return True
        before = self._outbox.statistics.acknowledged_number
        self.producer_id = new_producer_id()
        self._outbox.renumber(self.producer_id)
        self._problem(
            Problem(
                ProblemKind.FORGOTTEN,
                f"the gateway at {self._endpoint.target} has {response.acknowledged_number} requests of this producer, "
                f"and had acknowledged {before}; its journal was replaced. Lines that only the other one has are gone "
                "from it; what was not acknowledged is sent under a new producer id",
            )
        )
        return False

    def _lost(self, lost: _Lost, token: str | None) -> None:
        """A connection has failed: try again, or give up where that would not help."""
        code, details = lost.code, lost.details
        if self._stalled:
            self._pause(self._stalled)
            return
        if self._outbox.is_finished:
            return
        fatal = self._fatal(code, details, token)
        if fatal is None:
            self._pause(_why(code, details), lost.pushback_seconds)
            return
        self._outbox.fail(fatal)
        self._problem(Problem(ProblemKind.FAILED, str(fatal)))

    def _fatal(self, code: grpc.StatusCode, details: str, token: str | None) -> GatewayError | None:
        place = f"the gateway at {self._endpoint.target}"
        match code:
            case grpc.StatusCode.UNAUTHENTICATED:
                self._refusals += 1
                if self._endpoint.renews_token and token != self._refused_token and self._refusals < _REFUSALS_MAX:
                    self._refused_token = token
                    return None
                hint = "" if token else "; no token was given: set OTTO_TOKEN"
                return AuthenticationError(code.name, f"{place} does not accept the token: {details}{hint}")
            case grpc.StatusCode.PERMISSION_DENIED:
                return PermissionDeniedError(code.name, f"{place} does not permit this: {details}")
            case grpc.StatusCode.INVALID_ARGUMENT:
                return InvalidRequestError(code.name, f"{place} does not understand this producer: {details}")
            case grpc.StatusCode.UNIMPLEMENTED:
                return IncompatibleError(
                    code.name, f"what listens at {self._endpoint.target} is no Otto log gateway: {details}"
                )
            case grpc.StatusCode.ABORTED:
                return ReplacedError(
                    code.name, f"another producer uses the id {self.producer_id!r}: {details}; give each its own"
                )
            case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in details:
                self._refusals += 1
                if self._refusals < _REFUSALS_MAX:
                    return None
                return RequestTooLargeError(
                    code.name, f"{place} takes no request of this size: {details}; lower batch_bytes_max"
                )
        return None

    def _pause(self, reason: str, seconds_least: float = 0.0) -> None:
        self._outbox.away(reason)
        delay = max(seconds_least, self._backoff.next_delay_seconds())
        self._problem(
            Problem(
                ProblemKind.DISCONNECTED,
                f"the gateway at {self._endpoint.target} is away ({reason}); trying again in {delay:.1f} s",
            )
        )
        self._report_drops()
        self._outbox.wait_retry(delay)

    def _report_drops(self) -> None:
        count = self._outbox.take_drops()
        if count:
            self._problem(Problem(ProblemKind.DROPPED, f"dropped {line_count(count)} because the spool was full"))
        for problem in self._outbox.take_problems():
            self._problem(problem)

    def _problem(self, problem: Problem) -> None:
        tell(problem, self._on_problem)


def tell(problem: Problem, on_problem: Callable[[Problem], None] | None) -> None:
    """Report a problem to the log and the program; never called under the outbox's lock."""
    _log.log(logging.ERROR if problem.kind is ProblemKind.FAILED else logging.WARNING, "%s", problem.message)
    if on_problem is None:
        return
    try:
        on_problem(problem)
    except Exception:  # noqa: BLE001 - the program's own function
        _log.exception("the on_problem callback has raised")


def _pushback_seconds(error: grpc.RpcError) -> float:
    """How long the gateway asks to stay away, as gRPC's retry design (A6) says it: in ``grpc-retry-pushback-ms``."""
    for entry in error.trailing_metadata() or ():
        name, asked = entry.key, str(entry.value)
        if name == _PUSHBACK and asked.isdecimal():
            return min(int(asked) / 1000, _PUSHBACK_SECONDS_MAX)
    return 0.0


def _why(code: grpc.StatusCode, details: str) -> str:
    """A status in few words; of a failed connection gRPC reports every layer, and the last one is enough."""
    if code is grpc.StatusCode.UNAVAILABLE and "last error:" in details:
        return details.rpartition(": ")[2].lower()
    return f"{code.name}: {details}" if details else code.name
