"""The list of components, with what is known of them before they are opened."""

from typing import TYPE_CHECKING, Final

from components.alerts.component import AlertsComponent
from components.automation.component import AutomationComponent
from components.batch_jobs.component import BatchJobsComponent
from components.executions.component import ExecutionsComponent
from components.mcp.component import McpComponent
from gateway.component import Component

if TYPE_CHECKING:
    from storage.retention.polling_rows import PollingRows

__all__ = ["COMPONENTS", "swept_rows"]

COMPONENTS: Final[tuple[type[Component], ...]] = (
    AutomationComponent,
    ExecutionsComponent,
    BatchJobsComponent,
    AlertsComponent,
    McpComponent,
)
"""Every component. They are opened and started in this order, after the core, and closed before it in reverse."""


def swept_rows() -> "list[PollingRows]":
    """The rows of components that retention removes."""
    return [rows for kind in COMPONENTS for rows in kind.retention]
