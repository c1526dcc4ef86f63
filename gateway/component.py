"""What a component is: a feature beside the log gateway, in a folder of its own below ``components``."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:  # commands that only look at components start in half the time
    from prometheus_client.core import Metric

    from gateway.auth import Authenticator
    from gateway.history.stored_logs import StoredLogs
    from gateway.polling.task_logs import TaskLogs
    from gateway.routing.operation import DescribedRoute
    from gateway.settings.model import Settings
    from sessions.pipelines import PipelineHub
    from sessions.updates import UpdateHub
    from storage.journal.interface import Journal
    from storage.retention.polling_rows import PollingRows
    from storage.tables import DatabaseLocation

__all__ = ["Component", "Core"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What the log gateway offers to its components.

    Attributes:
        settings: of the whole process.
        authenticator: finds out who asks.
        journal: takes lines and ends of tasks, and reads those of all producers.
        logs: reads stored lines on behalf of a principal, as the routes of the history do.
        on_commit: takes a function that is called after each commit of this gateway or another one; it must not block.
        journal_location: the journal's database, for tables beside it.
        polling_location: the database of the polling tables, which other programs use too.
        pipelines: calls listeners with transitions of stages once they are stored, by this gateway or another one.
        updates: notifies UIs that records have changed.
        task_logs: takes a reader of ``task_logs`` for the polling API.
        is_leader: whether this gateway does the work of the leader, if several share the databases.
    """

    settings: "Settings"
    authenticator: "Authenticator"
    journal: "Journal"
    logs: "StoredLogs"
    on_commit: Callable[[Callable[[], None]], None]
    journal_location: "DatabaseLocation"
    polling_location: "DatabaseLocation"
    pipelines: "PipelineHub"
    updates: "UpdateHub"
    task_logs: "TaskLogs"
    is_leader: Callable[[], bool] = lambda: True


class Component(Protocol):
    """A feature beside the log gateway: mounted by ``gateway.app``, and nothing of the gateway depends on it.

    What has no use for a component is inherited. A component that is switched off is opened like the others: its routes
    say that it is off. It imports what it needs to work only if it is switched on.

    Attributes:
        name: one or two words, for logs.
        routes: with their descriptions, from which ``/openapi.json`` is made.
        retention: tables beside the journal whose rows are removed as old lines are, also while it is off.
    """

    name: str
    routes: "Sequence[DescribedRoute]"
    retention: ClassVar["Sequence[PollingRows]"] = ()

    @classmethod
    def check(cls, settings: "Settings") -> None:
        """Return if the component can run with these settings.

        Raises:
            SettingsError: an extra is missing, or settings contradict each other.
        """

    @classmethod
    def migrate(cls, journal_location: "DatabaseLocation", polling_location: "DatabaseLocation") -> None:
        """Create the tables that ``otto-gateway migrate`` has to make; blocks.

        Args:
            journal_location: as in ``Core``.
            polling_location: as in ``Core``.

        Raises:
            StorageError: the database cannot be used.
        """

    @classmethod
    def create_tables(cls, journal_location: "DatabaseLocation", polling_location: "DatabaseLocation") -> None:
        """Create all of its tables, for rows that are moved there; blocks.

        Args:
            journal_location: as in ``Core``.
            polling_location: as in ``Core``.

        Raises:
            StorageError: the database cannot be used.
        """
        cls.migrate(journal_location, polling_location)

    @classmethod
    def pending_changes(
        cls,
        journal_location: "DatabaseLocation",  # noqa: ARG003
        polling_location: "DatabaseLocation",  # noqa: ARG003
    ) -> Sequence[str]:
        """What ``migrate`` would change of rows, and of tables of other programs, as short statements; writes nothing.

        Raises:
            StorageError: the database cannot be used.
        """
        return ()

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Open databases and make the routes; no work begins yet.

        Raises:
            SettingsError: as ``check``.
            StorageError: the database cannot be used.
        """
        ...

    async def start(self) -> None:
        """Begin to work; the core is running, its servers are not."""

    async def close(self, grace_seconds: float) -> None:
        """Stop working, and store the results; idempotent. The servers have ended, the journal still takes lines.

        Args:
            grace_seconds: how long work in progress may take to end by itself.
        """

    def metrics(self) -> "Iterable[Metric]":
        """Families for Prometheus, read from statistics; called on the event loop."""
        return ()
