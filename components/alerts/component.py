"""Alerts as a component."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from gateway.component import Component, Core
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from components.alerts.alerts import Alerts
    from storage.tables import DatabaseLocation

__all__ = ["AlertsComponent"]

_WORKERS_MAX: Final = 200
"""Workers of a task whose labels count."""


class AlertsComponent(Component):
    """Rules, incidents and notifications in the journal's database, if there is a file of rules."""

    name = "alerts"

    def __init__(self, core: Core, alerts: "Alerts | None") -> None:
        from components.alerts.routes import alert_routes

        self.alerts = alerts
        self.routes = alert_routes(alerts, core.authenticator)

    def __repr__(self) -> str:
        return f"<AlertsComponent {self.alerts!r}>"

    @classmethod
    def check(cls, settings: Settings) -> None:
        """The extra `alerts` is installed if there are rules, and the rules can be used."""
        if settings.alert_rules is None:
            return
        with _usable():
            from components.alerts.book import read_rules, read_targets

            read_rules(settings.alert_rules, read_targets(settings.alert_targets))

    @classmethod
    def create_tables(
        cls,
        journal_location: "DatabaseLocation",
        polling_location: "DatabaseLocation",  # noqa: ARG003 - its tables are not there
    ) -> None:
        """Create the tables beside the journal."""
        from components.alerts.tables import create_tables
        from storage.tables import TableDatabase

        database = TableDatabase(journal_location, create=create_tables, name="alerts")
        database.write(lambda _: None)
        database.close()

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Read the rules; the engine begins with ``start``."""
        settings = core.settings
        if settings.alert_rules is None:
            return cls(core, None)
        with _usable():
            from components.alerts.alerts import Alerts
            from components.alerts.book import read_targets

            alerts = Alerts(
                core.journal,
                core.journal_location,
                settings.alert_rules,
                read_targets(settings.alert_targets),
                durability=settings.durability,
                is_leader=core.is_leader,
                publish=core.updates.publish,
                read_workers=lambda task_ids: core.logs.reads.worker_records(task_ids, count_max=_WORKERS_MAX),
            )
        core.on_commit(alerts.engine.wake)
        core.pipelines.add_listener(alerts.engine.stages_have_changed)
        await alerts.open()
        return cls(core, alerts)

    async def start(self) -> None:
        """Continue with the first record that was not evaluated."""
        if self.alerts is not None:
            self.alerts.start()

    async def close(self, grace_seconds: float) -> None:
        """Let the present turn and what is being sent end."""
        if self.alerts is not None:
            await self.alerts.close(grace_seconds)

    def metrics(self) -> "Iterable[Metric]":
        """The counters; none without rules."""
        if self.alerts is None:
            return ()
        from components.alerts.metrics import alert_metrics

        return alert_metrics(self.alerts.engine.statistics, self.alerts.outbox)


@contextmanager
def _usable() -> Iterator[None]:
    """Turns what cannot be used into an error of the settings: the extra, the rules or the targets."""
    require_extra("alerts", ["yaml", "apprise"], needed_for="ALERT_RULES")
    from components.alerts.rules import RuleError

    try:
        yield
    except RuleError as error:
        raise SettingsError([f"ALERT_RULES: {error}"]) from error
