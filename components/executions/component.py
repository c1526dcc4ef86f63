"""Execution records as a component."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from gateway.component import Component, Core

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from components.executions.tables import ExecutionStore
    from storage.tables import DatabaseLocation

__all__ = ["ExecutionsComponent"]


class ExecutionsComponent(Component):
    """Records of node executions and scripts, in the database of the polling tables."""

    name = "executions"

    def __init__(self, core: Core, store: "ExecutionStore") -> None:
        from components.executions.routes import execution_routes
        from components.executions.script_routes import script_routes
        from components.executions.updates import publish_changes

        self._store = store
        self.routes = (
            *execution_routes(store, core.authenticator, value_bytes_max=core.settings.execution_value_bytes_max),
            *script_routes(store, core.authenticator),
        )
        store.set_listener(lambda changes: publish_changes(core.updates, changes))

    def __repr__(self) -> str:
        return f"<ExecutionsComponent {self._store!r}>"

    @classmethod
    def migrate(
        cls,
        journal_location: "DatabaseLocation",  # noqa: ARG003 - its tables are not there
        polling_location: "DatabaseLocation",
    ) -> None:
        """Create the tables in the polling database; those of an older application are taken as they are."""
        from components.executions.tables.schema import create_missing, is_complete
        from storage.tables import TableDatabase

        database = TableDatabase(polling_location, create=create_missing, name="executions")
        database.create_missing(is_complete)
        database.close()

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Create missing tables, and count in the background what other programs have written since."""
        from components.executions.tables import ExecutionStore

        return cls(core, await ExecutionStore.open(core.polling_location, durability=core.settings.durability))

    async def close(self, grace_seconds: float) -> None:
        """Store the reports that wait."""
        await self._store.close(grace_seconds)

    def metrics(self) -> "Iterable[Metric]":
        """The statistics of the store."""
        from components.executions.metrics import execution_metrics

        return execution_metrics(self._store.statistics)
