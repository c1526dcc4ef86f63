"""The stages' commands, as the settings give them."""

import re

import pytest

from components.automation.coroutines import CoroutineStage
from components.automation.stage_settings import stages_of
from components.automation.stages import Stage
from gateway.settings.model import Settings
from gateway.settings.report import visible_settings
from gateway.settings.sources import SettingsError, load_settings


def test_commands_are_split_as_a_shell_would() -> None:
    """Without one: a template stays one argument, whatever is filled in; the others are demonstrations."""
    text = "python3 'my stage.py' {task_id} {settings}; rm"
    stages = stages_of(load_settings(None, {"AUTOMATION_IMAGE_COMMAND": text, "AUTOMATION_STAGE_MINUTES": "0.5"}))
    assert isinstance(stages["image"], Stage)
    assert stages["image"].argv == ("python3", "my stage.py", "{task_id}", "{settings};", "rm")
    assert stages["image"].timeout_seconds == 30
    assert [
        name
        for name, stage in stages.items()
        if "components.automation.demonstration.stage" in getattr(stage, "argv", ())
    ] == [
        "script",
        "video",
        "youtube",
    ]


@pytest.mark.parametrize("text", ["'", " ", "''"])
def test_a_command_that_is_none_is_refused(text: str) -> None:
    """With the name of the setting."""
    with pytest.raises(SettingsError, match="AUTOMATION_SCRIPT_COMMAND"):
        load_settings(None, {"AUTOMATION_SCRIPT_COMMAND": text})


def test_the_report_shows_the_queue_as_off() -> None:
    """It is off by default, and its files are where the gateway runs."""
    shown = visible_settings(Settings())
    assert (shown["AUTOMATION_ENABLED"], shown["TASKS_DIR"]) == ("false", "tasks")
    assert shown["AUTOMATION_SCRIPT_COMMAND"] == "(unset)"


async def finds_words(_run: object) -> None:
    """A stage of these tests."""


def finds_nothing() -> None:
    """No stage, for it is no coroutine."""


def test_a_coroutine_takes_the_place_of_a_command() -> None:
    """By its module and its name, with the same time limit."""
    text = f"script={__name__}:finds_words"
    settings = load_settings(None, {"AUTOMATION_COROUTINES": text, "AUTOMATION_STAGE_MINUTES": "2"})
    stage = stages_of(settings)["script"]
    assert isinstance(stage, CoroutineStage)
    assert (stage.run, stage.timeout_seconds) == (finds_words, 120)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("script", "write it as script=package.module:function"),
        ("film=a:b", "write it as script=package.module:function"),
        ("image=a:b,image=a:c", "a stage is named twice"),
        ("image=nowhere.at_all:b", "nowhere.at_all:b cannot be imported"),
        (f"image={__name__}:finds_nothing", "is no coroutine function: define it with async def"),
        (f"video={__name__}:finds_words", "AUTOMATION_VIDEO_COMMAND: give one of them"),
    ],
)
def test_a_coroutine_that_is_none_is_refused(text: str, said: str) -> None:
    """With what would be right."""
    with pytest.raises(SettingsError, match=re.escape(said)):
        stages_of(load_settings(None, {"AUTOMATION_COROUTINES": text, "AUTOMATION_VIDEO_COMMAND": "true"}))
