"""The automation queue of a gateway: made where it is switched on."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings import Settings
from storage.journal import Journal

if TYPE_CHECKING:
    from automation.queue import AutomationQueue
    from automation.stages import Stage

__all__ = ["automation_of", "stages_of"]


def automation_of(settings: Settings, journal: Journal, path: Path) -> "AutomationQueue | None":
    """The queue in the database at ``path``; None where it is off."""
    if not settings.automation_enabled:
        return None
    # Imported here: a gateway that only streams loads nothing of it.
    from automation.queue import AutomationQueue
    from storage.automation import AutomationDatabase

    return AutomationQueue(
        AutomationDatabase(path),
        journal,
        stages_of(settings),
        settings.tasks_dir.absolute(),
        message_bytes_max=settings.message_bytes_max,
    )


def stages_of(settings: Settings) -> "dict[str, Stage]":
    """What runs for each queue type: the demonstration stage where no command is set."""
    from automation.demonstration import demonstration_stages
    from automation.stages import Stage

    commands = {
        "script": settings.automation_script_command,
        "image": settings.automation_image_command,
        "video": settings.automation_video_command,
        "youtube": settings.automation_youtube_command,
    }
    seconds = settings.automation_stage_minutes * 60
    ours = {name: Stage(tuple(shlex.split(command)), seconds) for name, command in commands.items() if command}
    return demonstration_stages() | ours
