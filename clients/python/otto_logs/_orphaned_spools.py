"""What earlier processes left in the spool's directory: delivered before anything new, so that the order stays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from otto_logs._disk_spool import DiskSpool
from otto_logs._endpoint import Endpoint
from otto_logs._limits import ProducerLimits
from otto_logs._outbox import Outbox
from otto_logs._sender import Sender, tell
from otto_logs._spool_directory import Claim, SpoolDirectory
from otto_logs._statistics import Problem, ProblemKind
from otto_logs._values import Durability, SpoolPolicy, line_count

__all__ = ["OrphanedSpools", "OrphanedSpoolsStatistics"]


@dataclass(frozen=True, slots=True)
class OrphanedSpoolsStatistics:
    """What became of leftovers.

    Attributes:
        lines_acknowledged: lines that the gateway has on disk now.
        lines_damaged: lines that could not be read any more.
        spools_delivered: sub-directories of which everything is delivered.
        spools_refused: those that stay, because the gateway refused for good or they cannot be read.
    """

    lines_acknowledged: int = 0
    lines_damaged: int = 0
    spools_delivered: int = 0
    spools_refused: int = 0


class OrphanedSpools:
    """Delivers the spools of dead processes, one after the other, oldest first.

    Args:
        watcher: the outbox of the living producer, which is notified how the connection is.
    """

    def __init__(
        self,
        directory: SpoolDirectory,
        endpoint: Endpoint,
        limits: ProducerLimits,
        durability: Durability,
        on_problem: Callable[[Problem], None] | None,
        watcher: Outbox | None = None,
    ) -> None:
        self._directory = directory
        self._endpoint = endpoint
        self._limits = limits
        self._durability = durability
        self._on_problem = on_problem
        self._watcher = watcher
        self._sender: Sender | None = None
        self._outbox: Outbox | None = None
        self._cancelled = False
        self._acknowledged = self._damaged = self._delivered = self._refused = 0

    def __repr__(self) -> str:
        return f"<OrphanedSpools of {self._directory.path} {self.statistics}>"

    @property
    def statistics(self) -> OrphanedSpoolsStatistics:
        """An immutable snapshot of the counters."""
        outbox = self._outbox
        current = outbox.statistics if outbox is not None else None
        return OrphanedSpoolsStatistics(
            self._acknowledged + (current.lines_acknowledged if current else 0),
            self._damaged + (current.lines_damaged if current else 0),
            self._delivered,
            self._refused,
        )

    @property
    def lines_waiting(self) -> int:
        """Lines of the spool that is being delivered."""
        outbox = self._outbox
        return outbox.lines_waiting if outbox is not None else 0

    def deliver(self) -> None:
        """Deliver everything that is there now; return as well once cancelled."""
        seen: set[str] = set()
        while not self._cancelled:
            claim = self._directory.claim_leftover(seen)
            if claim is None:
                return
            seen.add(claim.path.name)
            try:
                self._deliver(claim)
            finally:
                claim.release()

    def cancel(self) -> None:
        """Stop; what is not delivered stays."""
        self._cancelled = True
        outbox, sender = self._outbox, self._sender
        if outbox is not None:
            outbox.abandon()
        if sender is not None:
            sender.cancel()

    def _deliver(self, claim: Claim) -> None:
        try:
            spool = DiskSpool(claim.path, self._limits, claim.path.name, self._durability)
        except (OSError, ValueError) as error:
            self._refuse(claim.path, str(error))
            return
        outbox = _LeftoverOutbox(spool, self._limits, self._watcher)
        try:
            outbox.close()
            if not outbox.is_empty:
                self._outbox = outbox
                self._sender = Sender(
                    outbox, self._endpoint, self._limits, producer_id=spool.producer_id, on_problem=self._on_problem
                )
                if not self._cancelled:
                    self._sender.run()
            self._settle(outbox, claim.path)
        finally:
            self._outbox = self._sender = None
            outbox.release()

    def _settle(self, outbox: Outbox, path: Path) -> None:
        statistics = outbox.statistics
        self._acknowledged += statistics.lines_acknowledged
        self._damaged += statistics.lines_damaged
        if outbox.error is not None:
            self._refuse(path, str(outbox.error))
        elif outbox.is_empty:
            self._delivered += 1
            if statistics.lines_acknowledged:
                self._tell(f"delivered {line_count(statistics.lines_acknowledged)} that an earlier process left")

    def _refuse(self, path: Path, reason: str) -> None:
        self._refused += 1
        self._tell(f"what an earlier process left in {path} cannot be delivered, and stays there: {reason}")

    def _tell(self, text: str) -> None:
        tell(Problem(ProblemKind.LEFTOVER, text), self._on_problem)


class _LeftoverOutbox(Outbox):
    """An outbox without input that reports the state of the connection to a producer."""

    def __init__(self, spool: DiskSpool, limits: ProducerLimits, watcher: Outbox | None) -> None:
        super().__init__(spool, SpoolPolicy.BLOCK, limits)
        self._watcher = watcher
        if watcher is not None:
            self.add_listener(self._tell_watcher)

    def _tell_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.follow(self._state, self._reason)
