"""The stages' commands, as the settings give them."""

import pytest

from gateway.automation_queue import stages_of
from gateway.settings import Settings
from gateway.settings_report import visible_settings
from gateway.settings_sources import SettingsError, load_settings


def test_commands_are_split_as_a_shell_would() -> None:
    """Without one: a template stays one argument, whatever is filled in; the others are demonstrations."""
    text = "python3 'my stage.py' {task_id} {settings}; rm"
    stages = stages_of(load_settings(None, {"AUTOMATION_IMAGE_COMMAND": text, "AUTOMATION_STAGE_MINUTES": "0.5"}))
    assert stages["image"].argv == ("python3", "my stage.py", "{task_id}", "{settings};", "rm")
    assert stages["image"].timeout_seconds == 30
    assert [name for name, stage in stages.items() if "automation.demonstration.stage" in stage.argv] == [
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
