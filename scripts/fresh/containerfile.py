"""The steps of a Containerfile, done in copies of an empty Debian: for machines without a container engine.

It knows what ``deploy/Containerfile`` uses: FROM, ARG, COPY, RUN, ENV, WORKDIR, USER and what an image says of itself.
"""

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.fresh.root import Copy

__all__ = ["FailedError", "Stage", "build"]

_SAYS_ONLY = ("LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL")


class FailedError(Exception):
    """A step has failed, or is not known here."""


@dataclass(slots=True)
class Stage:
    """What was made so far, and how it is to be run."""

    copy: Copy
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def run(self, command: str) -> None:
        """A RUN instruction, by root as in an image before USER.

        Raises:
            FailedError: it ended with another exit code than 0.
        """
        exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in self.environment.items())
        script = f"export {exports}; {command}" if exports else command
        if self.copy.run(script, directory=self.directory).returncode:
            raise FailedError(command)


def build(text: str, context: Path, start: Callable[[str, str], Copy]) -> Stage:
    """Do all steps; the last stage.

    Args:
        text: of the Containerfile.
        context: where COPY takes files from.
        start: makes the copy that a stage begins with, from the name of the image and that of the stage.

    Raises:
        FailedError: a step has failed, or is not known.
    """
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    stage: Stage | None = None
    for name, rest in _instructions(text):
        print(f"── {name} {rest}", flush=True)
        if name == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif name == "FROM":
            image, *alias = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], rest).split(" AS ")
            title = alias[0] if alias else "image"
            stage = stages[title] = Stage(start(image, title))
        elif stage is None:
            raise FailedError(f"{name} before FROM")
        elif name == "COPY":
            _copy(rest, stage, stages, context)
        else:
            _instruct(stage, name, rest)
    if stage is None:
        raise FailedError("no FROM")
    return stage


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", kept).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def _instruct(stage: Stage, name: str, rest: str) -> None:
    match name:
        case "RUN":
            stage.run(rest)
        case "ENV":
            for each in shlex.split(rest):
                key, _, value = each.partition("=")
                stage.environment[key] = value.replace("$PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
        case "WORKDIR":
            stage.directory = rest
            (stage.copy.path / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(rest.partition("CMD ")[2])
        case _ if name not in _SAYS_ONLY:
            raise FailedError(f"{name} is not known here")


def _copy(rest: str, stage: Stage, stages: dict[str, Stage], context: Path) -> None:
    *sources, target = rest.split()
    root = context
    if sources[0].startswith("--from="):
        root = stages[sources.pop(0).removeprefix("--from=")].copy.path
    place = stage.copy.path / os.path.normpath(f"{stage.directory}/{target}" if target[0] != "/" else target).lstrip(
        "/"
    )
    for each in sources:
        source = root / each.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            inside = place / source.name if target.endswith("/") else place
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, inside)
