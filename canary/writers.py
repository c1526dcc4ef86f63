"""What a writer is, and the writer on the native wire: it sends lines, and says which the gateway has stored."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from otto_logs import GatewayError, LogProducer, NotDeliveredError, OttoLogsError, ProducerLimits

from canary.delivery_check import DeliveryCheck
from canary.lines import message_of

__all__ = ["OPEN_MAX", "WORKER_ID", "NativeWriter", "WriteRefusedError", "Writer"]

WORKER_ID: Final = "canary"

OPEN_MAX: Final = 10_000
"""Lines that wait for their acknowledgement; beyond it the canary waits, too."""


class WriteRefusedError(Exception):
    """The gateway takes nothing from us; the text says why."""


class Writer(Protocol):
    """A wire."""

    name: str

    @property
    def is_full(self) -> bool:
        """Whether it should be given no more lines for now."""
        ...

    async def write(self, check: DeliveryCheck) -> None:
        """Send the next line of a task."""
        ...

    async def end(self, check: DeliveryCheck) -> None:
        """End a task."""
        ...

    def check(self) -> None:
        """Enter what was acknowledged since the last time into the ledgers; raises ``WriteRefusedError``."""
        ...

    async def close(self, timeout_seconds: float) -> None:
        """Wait for what is not acknowledged, and disconnect."""
        ...


class NativeWriter:
    """The native wire, by the client library: what is not acknowledged is sent again, and never stored twice."""

    name = "native"

    def __init__(self, gateway: str, token: Callable[[], str | None]) -> None:
        self._producer = LogProducer(gateway, token=token, limits=ProducerLimits(backoff_seconds_max=2.0))
        self._waiting: deque[tuple[DeliveryCheck, int]] = deque()
        self._acknowledged = 0

    def __repr__(self) -> str:
        return f"<NativeWriter {len(self._waiting)} waiting>"

    @property
    def is_full(self) -> bool:
        """Whether the gateway is behind with acknowledgements."""
        return len(self._waiting) >= OPEN_MAX

    async def write(self, check: DeliveryCheck) -> None:
        """Send the next line of a task."""
        number = check.write(time.monotonic())
        self._waiting.append((check, number))
        try:
            await self._producer.log(check.task_id, WORKER_ID, message_of(check.task_id, number))
        except GatewayError as error:
            raise WriteRefusedError(f"lines are refused: {error}") from error

    async def end(self, check: DeliveryCheck) -> None:
        """End a task."""
        try:
            await self._producer.end_task(check.task_id)
        except GatewayError as error:
            raise WriteRefusedError(f"lines are refused: {error}") from error

    def check(self) -> None:
        """Enter what was acknowledged; acknowledgements come in the order of the lines."""
        now = time.monotonic()
        acknowledged = self._producer.statistics.lines_acknowledged
        while self._acknowledged < acknowledged:
            check, number = self._waiting.popleft()
            check.acknowledge(number, now)
            self._acknowledged += 1

    async def close(self, timeout_seconds: float) -> None:
        """Wait for what is not acknowledged, and disconnect."""
        try:
            await self._producer.close(timeout_seconds)
        except NotDeliveredError:
            pass
        except OttoLogsError as error:
            raise WriteRefusedError(f"lines are refused: {error}") from error
        finally:
            self.check()
