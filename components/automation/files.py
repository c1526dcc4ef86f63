"""Paths of the files of a task. They are derived from its id, so none is stored."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["TaskFiles"]


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """The files of one task, below ``directory``; that they are named here does not say that they are there."""

    directory: Path

    @property
    def story(self) -> Path:
        """What the script stage has written."""
        return self.directory / "story.json"

    @property
    def video(self) -> Path:
        """What is published."""
        return self.directory / "output.mp4"

    @property
    def thumbnail(self) -> Path:
        """The picture that stands for it."""
        return self.directory / "thumbnail.jpg"

    def scene(self, number: int) -> Path:
        """The picture of a scene; the first one is 1."""
        return self.directory / f"scene_{number}.png"

    @property
    def scenes(self) -> list[Path]:
        """The pictures that are there, in the order of their numbers."""
        return sorted(self.directory.glob("scene_*.png"), key=lambda path: (len(path.name), path.name))
