"""The producer for asyncio programs."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from otto.logs.v1 import logs_pb2

from otto_logs import _requests
from otto_logs._delivery import Delivery
from otto_logs._endpoint import Tls, Token
from otto_logs._errors import OttoLogsError
from otto_logs._limits import ProducerLimits
from otto_logs._secrets import checked_secret
from otto_logs._statistics import Problem, ProducerStatistics
from otto_logs._values import Durability, Level, Source, SpoolPolicy, StageStatus, WorkerStatus
from otto_logs._waiting import AsyncWaiting

__all__ = ["LogProducer", "Worker"]

_CLOSE_SECONDS: Final = 10.0
_HALF_CLOSE_SECONDS: Final = 2.0
"""How long the gateway may take to end a stream on which everything was acknowledged."""


class LogProducer:
    """Sends lines to a gateway; belongs to the event loop on which it is first used.

    Lines are numbered, batched, and kept until the gateway has them on disk; with the gateway away, they wait in
    memory, or on disk where ``spool_directory`` is given. The connection belongs to a thread of its own. See
    ``Delivery`` for the arguments. Values of environment variables that are named like secrets (``*_TOKEN``, …) are
    masked before anything is kept.

        async with LogProducer("127.0.0.1:9090") as producer:
            await producer.log("build-7", "worker-1", "compiling")

    Leaving the block waits up to 10 seconds for acknowledgements and raises ``NotDeliveredError`` where some did not
    come. A ``SyncLogProducer`` that is never closed is closed when the interpreter exits (``close_at_exit``).
    """

    def __init__(
        self,
        gateway: str | None = None,
        *,
        token: Token = None,
        tls: Tls | bool | None = None,
        producer_id: str | None = None,
        policy: SpoolPolicy | str = SpoolPolicy.BLOCK,
        limits: ProducerLimits | None = None,
        on_problem: Callable[[Problem], None] | None = None,
        spool_directory: str | os.PathLike[str] | None = None,
        spool_durability: Durability | str = Durability.PROCESS,
        spool_name: str | None = None,
        mask_env: Sequence[str] | None = None,
        # sync: close_at_exit: bool = True,
    ) -> None:
        self._delivery = Delivery(
            gateway,
            token=token,
            tls=tls,
            producer_id=producer_id,
            policy=policy,
            limits=limits,
            on_problem=on_problem,
            spool_directory=spool_directory,
            spool_durability=spool_durability,
            spool_name=spool_name,
            mask_env=mask_env,
        )
        self._waiting = AsyncWaiting(self._delivery)
        # sync: if close_at_exit:
        # sync:     self._waiting.close_at_exit(self.close)

    def __repr__(self) -> str:
        return f"<LogProducer {self._delivery!r}>"

    async def __aenter__(self) -> Self:
        self._waiting.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
            return
        with contextlib.suppress(OttoLogsError):  # the program's own error matters more
            await self.close()

    @property
    def producer_id(self) -> str:
        """What names this producer's numbering."""
        return self._delivery.sender.producer_id

    @property
    def statistics(self) -> ProducerStatistics:
        """An immutable snapshot of the counters."""
        return self._delivery.statistics

    @property
    def positions(self) -> Mapping[str, Any]:
        """The ``positions`` of the newest lines in the spool on disk, those of the process before included."""
        return self._delivery.positions

    def mask(self, value: str) -> None:
        """Replace a secret by ``***`` in everything that is sent from now on, in any form in which programs print it.

        Raises:
            ValueError: it is too short or too long to be masked.
        """
        self._delivery.outbox.mask([checked_secret(value)])

    async def log(
        self,
        task_id: str,
        worker_id: str,
        message: str | bytes,
        *,
        level: Level | str = Level.INFO,
        source: Source | str = Source.STDOUT,
        time_unix_nano: int | None = None,
        metadata: Mapping[str, object] | None = None,
        positions: Mapping[str, object] | None = None,
    ) -> None:
        """Send a line; waits only if the policy says so, and does not even yield otherwise.

        Args:
            task_id: what the line belongs to.
            worker_id: who wrote it.
            message: the line; a line end at its end is removed. Bytes that are not UTF-8 are replaced by the gateway.
            level: a ``Level`` or its name in any case.
            source: a ``Source`` or its name in any case.
            time_unix_nano: when it was written, in nanoseconds since the Unix epoch; None: now.
            metadata: further fields.
            positions: how far the program's own inputs were read with this line, as values of JSON. A spool on disk
                keeps them together with the line; see ``positions``.

        Raises:
            ValueError: an argument is wrong; the text names it.
            OttoLogsError: nothing is accepted any more: closed, forked, or refused by the gateway for good.
        """
        line = self._delivery.prepare(task_id, worker_id, message, level, source, time_unix_nano, metadata)
        self._waiting.start()
        outbox = self._delivery.outbox
        if not outbox.try_line(*line, positions):
            await self._waiting.until(lambda: outbox.try_line(*line, positions), None)

    async def report_status(
        self,
        task_id: str,
        worker_id: str,
        status: WorkerStatus | str,
        reason: str = "",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Report a worker's status; a task ends when all its workers have reported that they ended."""
        await self._put(_requests.worker_status(task_id, worker_id, status, reason, metadata))

    async def end_task(self, task_id: str, *, failed: bool = False, reason: str = "") -> None:
        """End a task, whatever its workers reported."""
        await self._put(_requests.end_of_task(task_id, failed=failed, reason=reason))

    async def report_stage(
        self,
        pipeline_id: str,
        stage_id: str,
        status: StageStatus | str,
        *,
        message: str = "",
        percentage: int = 0,
        workers: Sequence[str] = (),
        started_unix_nano: int = 0,
        completed_unix_nano: int = 0,
        error: str = "",
    ) -> None:
        """Report the state of one stage of a pipeline; ``percentage`` is 0 to 100, a time of 0 is none."""
        await self._put(
            _requests.stage_progress(
                pipeline_id,
                stage_id,
                status,
                message=message,
                percentage=percentage,
                workers=workers,
                started_unix_nano=started_unix_nano,
                completed_unix_nano=completed_unix_nano,
                error=error,
            )
        )

    def worker(self, task_id: str, worker_id: str) -> "Worker":
        """A worker of a task, whose status follows its ``async with`` block."""
        return Worker(self, *self._delivery.address(task_id, worker_id))

    async def flush(self, timeout_seconds: float | None = None) -> None:
        """Return once the gateway has everything on disk that was sent before.

        Raises:
            NotDeliveredError: time was up, or the producer was closed.
            GatewayError: the gateway refused for good.
        """
        self._waiting.start()
        outbox = self._delivery.outbox
        marker = outbox.begin_flush()
        try:
            await self._waiting.until(lambda: marker.passed or outbox.is_finished, timeout_seconds)
        finally:
            outbox.end_flush()
        if not marker.passed:
            self._delivery.check_delivered(timeout_seconds)

    async def close(self, timeout_seconds: float | None = _CLOSE_SECONDS) -> None:
        """Accept nothing more, wait for what is not acknowledged, and disconnect.

        Idempotent: what was not delivered is reported once.

        Raises:
            NotDeliveredError: time was up.
            GatewayError: the gateway refused for good.
        """
        outbox, sender = self._delivery.outbox, self._delivery.sender
        if outbox.is_foreign:
            return
        # sync: self._waiting.stay_at_exit()
        self._waiting.start()
        started = time.monotonic()
        outbox.close()
        try:
            await self._waiting.until(lambda: outbox.is_finished, timeout_seconds)
            if outbox.is_empty:
                sender.cancel_orphaned_spools()
                await self._waiting.join(_HALF_CLOSE_SECONDS)
        finally:
            outbox.abandon()
            sender.cancel()
            self._delivery.release()
        await self._waiting.join(_HALF_CLOSE_SECONDS)
        self._delivery.check_closed(started)

    async def _put(self, request: logs_pb2.PublishRequest) -> None:
        self._waiting.start()
        outbox = self._delivery.outbox
        if not outbox.try_item(request):
            await self._waiting.until(lambda: outbox.try_item(request), None)


class Worker:
    """One worker of one task.

    As a context manager it reports RUNNING, then COMPLETED, or FAILED if the block raised.
    """

    def __init__(self, producer: LogProducer, task_id: str, worker_id: str) -> None:
        self._producer = producer
        self.task_id = task_id
        self.worker_id = worker_id

    def __repr__(self) -> str:
        return f"<Worker {self.worker_id!r} of {self.task_id!r}>"

    async def __aenter__(self) -> Self:
        await self.report_status(WorkerStatus.RUNNING)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.report_status(WorkerStatus.COMPLETED)
            return
        with contextlib.suppress(OttoLogsError):  # the program's own error matters more
            await self.report_status(WorkerStatus.FAILED, f"{type(error).__name__}: {error}")

    async def log(
        self,
        message: str | bytes,
        *,
        level: Level | str = Level.INFO,
        source: Source | str = Source.STDOUT,
        time_unix_nano: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Send a line; see ``LogProducer.log``."""
        await self._producer.log(
            self.task_id,
            self.worker_id,
            message,
            level=level,
            source=source,
            time_unix_nano=time_unix_nano,
            metadata=metadata,
        )

    async def report_status(
        self, status: WorkerStatus | str, reason: str = "", metadata: Mapping[str, object] | None = None
    ) -> None:
        """Report this worker's status."""
        await self._producer.report_status(self.task_id, self.worker_id, status, reason, metadata)
