"""What both producers are made of: the outbox with its sender, and the making of both."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from otto_logs._disk_spool import DiskSpool
from otto_logs._endpoint import Endpoint, Tls, Token
from otto_logs._errors import NotDeliveredError
from otto_logs._limits import ProducerLimits
from otto_logs._memory_spool import MemorySpool
from otto_logs._orphaned_spools import OrphanedSpools
from otto_logs._outbox import Outbox
from otto_logs._requests import message_bytes, text_map
from otto_logs._secrets import own_secrets
from otto_logs._sender import Sender
from otto_logs._spool import Address, Spool
from otto_logs._spool_directory import Claim, SpoolDirectory, new_producer_id
from otto_logs._statistics import Problem, ProducerStatistics
from otto_logs._values import Durability, Level, Source, SpoolPolicy, check_identifier, line_count

__all__ = ["SPOOL_DIRECTORY_VARIABLE", "Delivery", "Prepared"]

SPOOL_DIRECTORY_VARIABLE: Final = "OTTO_LOGS_SPOOL_DIR"
_ADDRESSES_MAX: Final = 10_000

Prepared = tuple[Address, bytes, int, Level, Source, dict[str, str] | None]
"""A line as ``Outbox.try_line`` takes it."""


class Delivery:
    """One producer without the waiting, which differs between threads and asyncio.

    Args:
        gateway: ``host:port`` or ``grpcs://host:port``; None: ``OTTO_GATEWAY``, or 127.0.0.1:9090.
        token: a token, or a function that gives one for each connection; None: ``OTTO_TOKEN``.
        tls: True for TLS with the authorities that gRPC knows, or a ``Tls``.
        producer_id: names the numbering; None: a new one. Two producers must never use the same one at once.
        policy: what happens to a new line while the spool is full.
        limits: how much is gathered, held and waited for.
        on_problem: called on the producer's own thread; must neither wait nor use the producer.
        spool_directory: where lines are kept on disk until the gateway has them, for one user's processes that send to
            one gateway; None: ``OTTO_LOGS_SPOOL_DIR``, or in memory alone; empty: in memory alone.
        spool_durability: what a line in there survives: ``process`` or ``full``.
        spool_name: the sub-directory to use, and to keep for the positions in it; None: a new one.
        mask_env: names of environment variables whose values are masked, beside ``SECRET_NAMES``; see ``secrets_of``.

    Raises:
        ValueError: an argument is wrong; the text names it.
        OSError: a TLS file cannot be read, or the spool's directory not be written.
    """

    def __init__(
        self,
        gateway: str | None,
        *,
        token: Token,
        tls: Tls | bool | None,
        producer_id: str | None,
        policy: SpoolPolicy | str,
        limits: ProducerLimits | None,
        on_problem: Callable[[Problem], None] | None,
        spool_directory: str | os.PathLike[str] | None,
        spool_durability: Durability | str,
        spool_name: str | None = None,
        mask_env: Sequence[str] | None = None,
    ) -> None:
        self.limits = limits or ProducerLimits()
        self.endpoint = Endpoint(gateway, token, tls, self.limits.keepalive_seconds)
        self._claim: Claim | None = None
        self.orphaned_spools: OrphanedSpools | None = None
        self.positions: Mapping[str, Any] = {}
        spool: Spool
        directory = spool_directory if spool_directory is not None else os.environ.get(SPOOL_DIRECTORY_VARIABLE)
        self.spool_directory = SpoolDirectory(directory) if directory else None
        if self.spool_directory is None:
            spool = MemorySpool(self.limits)
        else:
            durability = Durability(spool_durability)
            on_disk = self._claim_spool(self.spool_directory, durability, producer_id, spool_name)
            spool, producer_id = on_disk, on_disk.producer_id
            self.positions = on_disk.positions
        self.outbox = Outbox(spool, SpoolPolicy(policy), self.limits)
        if self.spool_directory is not None:
            self.orphaned_spools = OrphanedSpools(
                self.spool_directory, self.endpoint, self.limits, durability, on_problem, self.outbox
            )
        self.sender = Sender(
            self.outbox,
            self.endpoint,
            self.limits,
            producer_id=producer_id,
            on_problem=on_problem,
            orphaned_spools=self.orphaned_spools,
        )
        if secrets := own_secrets(mask_env):
            self.outbox.mask(secrets)
        self._addresses: dict[tuple[str, str], Address] = {}
        self._started = False
        self._closed = False

    def _claim_spool(
        self, directory: SpoolDirectory, durability: Durability, producer_id: str | None, name: str | None
    ) -> DiskSpool:
        producer_id = producer_id or new_producer_id(path.name for path in directory.spools())
        name = quote(name or producer_id, safe="")
        claim = directory.claim(name)
        if claim is None:
            raise ValueError(f"producer_id: another process uses {name!r} in {directory.path}; give each its own")
        self._claim = claim
        try:
            return DiskSpool(claim.path, self.limits, producer_id, durability)
        except BaseException:
            claim.release()
            raise

    def release(self) -> None:
        """Let go of the spool's directory, for anyone who delivers what is left in it. Idempotent."""
        if not self.outbox.is_foreign:
            self.outbox.release()
            if self._claim is not None:
                self._claim.release()

    def __repr__(self) -> str:
        statistics = self.statistics
        return (
            f"{statistics.state} to {self.endpoint.target} accepted={statistics.lines_accepted} "
            f"acknowledged={statistics.lines_acknowledged} waiting={statistics.lines_waiting}"
        )

    @property
    def statistics(self) -> ProducerStatistics:
        """The outbox's, with what was delivered of orphaned spools."""
        statistics = self.outbox.statistics
        if self.orphaned_spools is None:
            return statistics
        return replace(statistics, leftover_lines_acknowledged=self.orphaned_spools.statistics.lines_acknowledged)

    def start(self) -> None:
        """Start the sender, once."""
        if not self._started:
            self._started = True
            self.sender.start()

    def prepare(
        self,
        task_id: str,
        worker_id: str,
        message: str | bytes,
        level: Level | str,
        source: Source | str,
        time_unix_nano: int | None,
        metadata: Mapping[str, object] | None,
    ) -> Prepared:
        """Check a line.

        Raises:
            ValueError: an argument is wrong; the text names it.
        """
        address = self._addresses.get((task_id, worker_id)) or self.address(task_id, worker_id)
        data, original = message_bytes(message, self.limits.message_bytes_max)
        fields = text_map(metadata) if metadata else None
        if original:
            fields = {**(fields or {}), "originalBytes": str(original)}
        return (
            address,
            data,
            time.time_ns() if time_unix_nano is None else time_unix_nano,
            level if isinstance(level, Level) else Level.of(level),
            source if isinstance(source, Source) else Source.of(source),
            fields,
        )

    def address(self, task_id: str, worker_id: str) -> Address:
        """Check the names once and remember them.

        Raises:
            ValueError: one of them is not valid; the text names it.
        """
        address = Address(check_identifier("task_id", task_id), check_identifier("worker_id", worker_id))
        if len(self._addresses) >= _ADDRESSES_MAX:
            self._addresses.clear()  # checking again is all that it costs
        self._addresses[address] = address
        return address

    def check_delivered(self, timeout_seconds: float | None) -> None:
        """Report to the caller that a wait failed.

        Raises:
            GatewayError: the gateway refused for good.
            NotDeliveredError: time was up.
        """
        outbox = self.outbox
        if outbox.error is not None:
            raise outbox.error
        waiting = outbox.lines_waiting
        reason = outbox.statistics.error
        limit = f" within {timeout_seconds:g} s" if timeout_seconds is not None else ""
        raise NotDeliveredError(
            f"the gateway at {self.endpoint.target} has not acknowledged {line_count(waiting)}{limit}"
            + (f" ({reason})" if reason else "")
            + (f"; they are kept in {self.spool_directory.path}" if self.spool_directory is not None else ""),
            waiting,
        )

    def check_closed(self, started: float) -> None:
        """Report to the caller, once, that closing failed; it began at ``started`` of ``time.monotonic()``.

        Raises:
            GatewayError: the gateway refused for good.
            NotDeliveredError: time was up.
        """
        self.release()
        if not self._closed and not self.outbox.is_empty:
            self._closed = True
            self.check_delivered(round(time.monotonic() - started, 1))
        self._closed = True
