"""What a run is labelled with: by its options, and by the CI system that it runs in."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

import click

from otto_logs._masking import MASK

__all__ = ["labels_of", "parsed_label", "shown_command"]

_VALUE_CHARACTERS: Final = 200
_LABELS_MAX: Final = 40
_COMMAND_CHARACTERS: Final = 1000
_WORD: Final = r"[\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization)[\w-]*"
_SECRET: Final = re.compile(rf"({_WORD}[=:]\s*).+", re.IGNORECASE | re.DOTALL)
_SECRET_NEXT: Final = re.compile(rf"((?:^| )--?{_WORD} )(?!-)(?:'[^']*'|\S+)", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")

_SYSTEMS: Final = (
    (
        "GITHUB_ACTIONS",
        {
            "ci": "github",
            "repo": "GITHUB_REPOSITORY",
            "branch": "GITHUB_REF_NAME",
            "commit": "GITHUB_SHA",
            "workflow": "GITHUB_WORKFLOW",
            "job": "GITHUB_JOB",
            "build": "GITHUB_RUN_ID",
        },
    ),
    (
        "GITLAB_CI",
        {
            "ci": "gitlab",
            "repo": "CI_PROJECT_PATH",
            "branch": "CI_COMMIT_REF_NAME",
            "commit": "CI_COMMIT_SHA",
            "job": "CI_JOB_NAME",
            "build": "CI_PIPELINE_ID",
        },
    ),
    (
        "BUILDKITE",
        {
            "ci": "buildkite",
            "repo": "BUILDKITE_REPO",
            "branch": "BUILDKITE_BRANCH",
            "commit": "BUILDKITE_COMMIT",
            "workflow": "BUILDKITE_PIPELINE_SLUG",
            "job": "BUILDKITE_LABEL",
            "build": "BUILDKITE_BUILD_NUMBER",
        },
    ),
    (
        "JENKINS_URL",
        {
            "ci": "jenkins",
            "repo": "GIT_URL",
            "branch": "GIT_BRANCH",
            "commit": "GIT_COMMIT",
            "job": "JOB_NAME",
            "build": "BUILD_NUMBER",
        },
    ),
    (
        "OTTO_EXECUTION_ID",
        {"ci": "otto", "execution": "OTTO_EXECUTION_ID", "script": "OTTO_SCRIPT_ID", "parent": "OTTO_TASK_ID"},
    ),
)
"""The variable by which a system is known, and the variables of its labels; `ci` is its name."""


def parsed_label(text: str) -> tuple[str, str]:
    """``name=value``.

    Raises:
        click.BadParameter: it is something else.
    """
    name, separator, value = text.partition("=")
    if not separator or not _NAME.match(name):
        raise click.BadParameter(
            f"{text!r} is no label: give name=value, the name of letters, digits, `_`, `.` and `-`"
        )
    return name, value


def labels_of(given: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Labels by name, at most 40, values of at most 200 characters; those that were given count over the system's."""
    labels: dict[str, str] = {}
    for known_by, variables in _SYSTEMS:
        if environment.get(known_by):
            labels = {name: environment.get(variable, "") for name, variable in variables.items() if name != "ci"}
            labels = {"ci": variables["ci"], **{name: _plain(value) for name, value in labels.items() if value}}
            break
    labels |= dict(map(parsed_label, given))
    return {name: value[:_VALUE_CHARACTERS] for name, value in list(labels.items())[-_LABELS_MAX:]}


def shown_command(command: Sequence[str]) -> str:
    """A command as one would type it, at most 1,000 characters, with what looks like a secret masked."""
    masked = (_SECRET.sub(rf"\1{MASK}", _plain(each)) for each in command)
    return _SECRET_NEXT.sub(rf"\1{MASK}", shlex.join(masked))[:_COMMAND_CHARACTERS]


def _plain(value: str) -> str:
    """Without the password that an address of a repository may have."""
    return re.sub(r"://[^/@\s]*@", "://", value)
