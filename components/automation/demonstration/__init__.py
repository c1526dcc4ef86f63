"""Stages that do small real work offline, so that the whole pipeline can be seen running."""

import sys

from components.automation.stages import Stage

__all__ = ["demonstration_stages"]


def demonstration_stages() -> dict[str, Stage]:
    """A command for each stage."""
    return {
        name: Stage(
            (sys.executable, "-m", "components.automation.demonstration.stage", name, "{directory}", "{settings}"), 60.0
        )
        for name in ("script", "image", "video", "youtube")
    }
