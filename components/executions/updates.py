"""What stored records mean for UIs that show them."""

from collections.abc import Sequence

from components.executions.tables import Change, NodeReport, NodeStatus, ScriptRecord, ScriptStatus
from sessions.updates import Update, UpdateHub, UpdateType

__all__ = ["publish_changes", "update_of"]


def publish_changes(hub: UpdateHub, changes: Sequence[Change]) -> None:
    """Raise an update for each change of a commit."""
    for change in changes:
        hub.publish(update_of(change))


def update_of(change: Change) -> Update:
    """The update that a change makes.

    The update for a node that has ended has the form of one for a script: the UI that receives it reads the rows.
    """
    if isinstance(change, NodeReport):
        has_failed = change.status is NodeStatus.FAILED
        return Update(type=_type(has_failed), script_id=change.script_id, execution_id=change.execution_id)
    if isinstance(change, ScriptRecord):
        return Update(
            type=_type(change.status is ScriptStatus.ERROR),
            script_id=change.script_id,
            script_name=change.script_name,
            execution_id=change.execution_id,
        )
    return Update(
        type=UpdateType.ALL_SCRIPTS_COMPLETED,
        success_count=change.total_executions - change.failed_count,
        fail_count=change.failed_count,
        total_count=change.total_executions,
    )


def _type(has_failed: bool) -> UpdateType:
    return UpdateType.WORKFLOW_FAILED if has_failed else UpdateType.WORKFLOW_COMPLETED
