"""The stages of the automation queue, as the settings name them."""

import importlib
import inspect
import shlex
from typing import TYPE_CHECKING, Any

from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError

if TYPE_CHECKING:
    from components.automation.scheduler import AnyStage

__all__ = ["stages_of"]


def stages_of(settings: Settings) -> "dict[str, AnyStage]":
    """What runs for each queue type: the demonstration stage if neither a command nor a coroutine is set.

    Raises:
        SettingsError: a coroutine is not there, or is none; or its stage has a command, too.
    """
    from components.automation.coroutines import CoroutineStage
    from components.automation.demonstration import demonstration_stages
    from components.automation.stages import Stage

    commands = {
        "script": settings.automation_script_command,
        "image": settings.automation_image_command,
        "video": settings.automation_video_command,
        "youtube": settings.automation_youtube_command,
    }
    seconds = settings.automation_stage_minutes * 60
    ours: dict[str, AnyStage] = {
        name: Stage(tuple(shlex.split(command)), seconds, variables=settings.automation_stage_variables)
        for name, command in commands.items()
        if command
    }
    for text in settings.automation_coroutines:
        name, _, place = text.partition("=")
        if name in ours:
            raise SettingsError(
                [f"AUTOMATION_COROUTINES names {name}, and so does AUTOMATION_{name.upper()}_COMMAND: give one of them"]
            )
        ours[name] = CoroutineStage(_coroutine(place), seconds)
    return demonstration_stages() | ours


def _coroutine(place: str) -> Any:
    """The function at ``package.module:function``; what importing the module raises is the answer's reason."""
    module, _, name = place.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError([f"AUTOMATION_COROUTINES: {place} cannot be imported ({reason})"]) from error
    if not inspect.iscoroutinefunction(function):
        raise SettingsError([f"AUTOMATION_COROUTINES: {place} is no coroutine function: define it with async def"])
    return function
