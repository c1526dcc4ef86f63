"""The automation queue as a component."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from components.automation.extra import require_automation_extra
from components.automation.retention import TASK_LOGS
from gateway.component import Component, Core
from gateway.settings.model import Settings

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from components.automation.queue import AutomationQueue
    from components.automation.tables import AutomationDatabase
    from storage.tables import DatabaseLocation

__all__ = ["AutomationComponent"]


class AutomationComponent(Component):
    """The queue in the journal's database, if ``AUTOMATION_ENABLED`` is set."""

    name = "automation"
    retention = (TASK_LOGS,)

    def __init__(self, core: Core, queue: "AutomationQueue | None") -> None:
        from components.automation.routes import automation_routes

        self._queue = queue
        self.routes = automation_routes(queue, core.authenticator)
        core.task_logs.reader = queue

    def __repr__(self) -> str:
        return f"<AutomationComponent {self._queue!r}>"

    @classmethod
    def check(cls, settings: Settings) -> None:
        """The extra `automation` is installed if the queue is on."""
        if settings.automation_enabled:
            require_automation_extra("AUTOMATION_ENABLED")

    @classmethod
    def migrate(
        cls,
        journal_location: "DatabaseLocation",
        polling_location: "DatabaseLocation",  # noqa: ARG003 - its tables are not there
    ) -> None:
        """Bring the tables to the present schema, if there are any: the queue creates them when it starts."""
        with _tables_at(journal_location) as database:
            if database is not None:
                database.prepare()

    @classmethod
    def create_tables(
        cls,
        journal_location: "DatabaseLocation",
        polling_location: "DatabaseLocation",  # noqa: ARG003 - its tables are not there
    ) -> None:
        """Create the tables beside the journal."""
        from components.automation.tables import AutomationDatabase

        database = AutomationDatabase(journal_location)
        database.prepare()
        database.close()

    @classmethod
    def pending_changes(
        cls,
        journal_location: "DatabaseLocation",
        polling_location: "DatabaseLocation",  # noqa: ARG003
    ) -> Sequence[str]:
        """Columns and indexes that are missing, and items that are put back to ``waiting``."""
        with _tables_at(journal_location) as database:
            return () if database is None else database.pending_changes()

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Make the queue; its tables are created by ``start``."""
        cls.check(core.settings)
        return cls(core, _queue_of(core) if core.settings.automation_enabled else None)

    async def start(self) -> None:
        """Create missing tables, and continue the tasks in the queue."""
        if self._queue is not None:
            await self._queue.start()

    async def close(self, grace_seconds: float) -> None:  # noqa: ARG002 - a stage that is cut off is taken up again
        """End running stages, and store their last lines."""
        if self._queue is not None:
            await self._queue.close()

    def metrics(self) -> "Iterable[Metric]":
        """The queue's statistics; none if it is off."""
        from components.automation.metrics import AutomationCollector

        queue = self._queue
        return () if queue is None else AutomationCollector(lambda: queue.statistics).collect()


@contextmanager
def _tables_at(location: "DatabaseLocation") -> "Iterator[AutomationDatabase | None]":
    from components.automation.tables import AutomationDatabase

    database = AutomationDatabase(location)
    try:
        yield database if database.exists and database.has_tables() else None
    finally:
        database.close()


def _queue_of(core: Core) -> "AutomationQueue":
    from components.automation.queue import AutomationQueue
    from components.automation.stage_settings import stages_of
    from components.automation.tables import AutomationDatabase

    return AutomationQueue(
        AutomationDatabase(core.journal_location),
        core.journal,
        stages_of(core.settings),
        core.settings.tasks_dir.absolute(),
        message_bytes_max=core.settings.message_bytes_max,
        is_leader=core.is_leader,
    )
